"""Choose the times of demo conversations, and keys that match them."""

import random
import uuid
from datetime import UTC, date, datetime, timedelta

# How often people write in each hour of the day: little at night, most in the evening.
BY_HOUR = [2, 1, 1, 0, 0, 1, 3, 8, 12, 12, 11, 11, 14, 11, 9, 9, 10, 11, 12, 15, 18, 18, 12, 6]
HOURS = range(24)


def key(chance: random.Random, time: datetime) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7) for `time`."""
    milliseconds = int(time.timestamp() * 1000)
    bits = chance.getrandbits(74)
    high, low = bits >> 62, bits & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0b10 << 62 | low)


def beginning(chance: random.Random, last_day: date, days: int) -> datetime:
    """Return a time in the `days` that end a day before `last_day`; later ones are likelier."""
    back = int(days * chance.random() ** 1.7)
    day = last_day - timedelta(days=back + 2)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=chance.choices(HOURS, BY_HOUR)[0], seconds=chance.random() * 3600
    )


def pause(chance: random.Random, length: int, *, is_reply: bool) -> timedelta:
    """Return the time until the next message, which has `length` characters.

    A reply comes within seconds. A person reads, thinks and types, and sometimes continues on
    another day.
    """
    if is_reply:
        return timedelta(seconds=1 + chance.random() * 3 + length / 80)
    if chance.random() < 0.04:
        return timedelta(hours=4 + chance.random() * 44)
    return timedelta(seconds=8 + chance.random() * 90 + length / 4)
