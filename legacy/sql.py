"""Pieces of SQL that several rules are made of; `one` is the row a rule is about."""

SUCH_USER = "EXISTS (SELECT FROM users AS u WHERE u.id = one.user_id)"
NO_SUCH_USER = f"NOT {SUCH_USER}"
NO_TIME = "one.created_at IS NULL OR one.updated_at IS NULL"


def times(known: str) -> str:
    """Return what fills in a row's times, where `known` is when it existed at the latest."""
    return (
        f"created_at = COALESCE(one.created_at, {known}, now()),"
        f" updated_at = COALESCE(one.updated_at, one.created_at, {known}, now())"
    )
