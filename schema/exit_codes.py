"""Exit statuses of `migrate` and `verify`, as the README documents them."""

FAILED = 1
"""It could not be done: no connection, a problem found beforehand, a failed migration."""
LOCKED = 3
"""Another migrate ran for longer than --lock-timeout."""
BUSY = 4
"""Live traffic held locks a migration needs for longer than --patience."""
REFUSED = 5
"""A rollback would lose data and nobody agreed to that."""
EDITED = 6
"""With --strict: a migration's file was edited after it was applied."""
STOPPED = 130
"""Stopped from the keyboard, as shells count it (128 and the signal's number)."""
DIFFERENT = 1
"""`verify`: something is not as the applied migrations made it."""
NOT_CHECKED = 2
"""`verify`: it could not be found out."""
