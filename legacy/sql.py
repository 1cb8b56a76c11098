"""SQL that several rules share; `one` is the row of a rule's table."""

SUCH_USER = "EXISTS (SELECT FROM users AS u WHERE u.id = one.user_id)"
NO_SUCH_USER = f"NOT {SUCH_USER}"
NO_TIME = "one.created_at IS NULL OR one.updated_at IS NULL"

# What Python can hold, with room for every time zone.
EARLIEST, LATEST = "'0001-01-03'", "'9999-12-29'"


def times(known: str) -> str:
    """Return what fills in a row's times, where `known` is when it existed at the latest."""
    return (
        f"created_at = COALESCE(one.created_at, {known}, now()),"
        f" updated_at = COALESCE(one.updated_at, one.created_at, {known}, now())"
    )


def out_of_range(column: str) -> str:
    """Return the condition that Python cannot hold a timestamp: infinity, BC, beyond 9999."""
    return f"(one.{column} < {EARLIEST} OR one.{column} > {LATEST})"


def in_range(column: str) -> str:
    """Return a timestamp, or NULL where Python cannot hold it."""
    return f"CASE WHEN one.{column} BETWEEN {EARLIEST} AND {LATEST} THEN one.{column} END"
