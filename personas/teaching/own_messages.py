"""The person's own messages on this site, as samples."""

from __future__ import annotations

import re

from users.models import User

# The newest messages are read, and those that say something in few words.
MAX_MESSAGES = 2_000
SHORTEST, LONGEST = 20, 2_000
CODE = re.compile(r"```|^( {4}|\t)\S", re.MULTILINE)


def texts(user: User) -> list[str]:
    """Return messages of the user, oldest first, without code and long pasted texts."""
    rows = user.messages.filter(role="user", thread__deleted_at=None)
    found = rows.order_by("-created_at", "-id").values_list("content", flat=True)[:MAX_MESSAGES]
    return [
        text.strip()
        for text in reversed(found)
        if SHORTEST <= len(text) <= LONGEST and not CODE.search(text)
    ]
