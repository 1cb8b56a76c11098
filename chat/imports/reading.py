"""Check values of untrusted JSON."""

import datetime
from typing import Any

from uploads.reading import MAX_VALUE, JSONStream, RefusedError, refuse_constant
from uploads.unicode import storable

__all__ = [
    "MAX_FILE",
    "MAX_VALUE",
    "JSONStream",
    "RefusedError",
    "mapping",
    "refuse_constant",
    "text",
    "timestamp",
]

# The largest file, in bytes.
MAX_FILE = 1_000_000_000
# The seconds from 1970 to the year 3000. A greater number counts smaller units.
MAX_SECONDS = 32_503_680_000
UTC = datetime.UTC


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return `value` if it is an object; raise RefusedError otherwise."""
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is not an object.")
    return value


def text(value: Any, what: str, max_length: int | None = None) -> str:
    """Return `value` if it is a text, without the characters that no database stores.

    Raises:
        RefusedError: It is no text, or too long.
    """
    if not isinstance(value, str):
        raise RefusedError(f"{what} is not a text.")
    if max_length and len(value) > max_length:
        raise RefusedError(f"{what} is longer than {max_length} characters.")
    return storable(value)


def timestamp(value: Any) -> datetime.datetime | None:
    """Return a timestamp of another program; None for anything else.

    It is a number of seconds, milliseconds, microseconds or nanoseconds since 1970, possibly as
    a string, or ISO 8601; UTC if it has no time zone. MongoDB wraps it into an object.
    """
    while isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
        for _ in range(3):
            seconds /= 1_000 if seconds > MAX_SECONDS else 1
        return _plausible(datetime.datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError):
        return None


def _iso(written: str) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(written)
        return _plausible(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))
    except (OverflowError, ValueError):
        return None


def _plausible(found: datetime.datetime) -> datetime.datetime | None:
    return found if 1969 < found.year < 3000 else None
