"""Read our own archive as docs/export-format.md describes it, and refuse any other."""

import datetime
import math
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils.translation import gettext_noop

from chat.exports.formats import FORMAT, FORMAT_VERSION
from chat.imports.items import Item, Kind
from chat.imports.reading import JSONStream, RefusedError, mapping, text
from chat.models import ChatMessage, Reply
from chat.unicode import storable
from personas.models import Sample

COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
STATUSES = set(Reply.Status.values) - {"streaming"}
# How deep metadata may be nested. Readers of JSON fail at about 1,000.
MAX_DEPTH = 400
MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1
Check = Callable[[Any, str], Any]


def key(value: Any, what: str) -> str:
    """Return an id in its canonical form."""
    try:
        return str(uuid.UUID(text(value, what)))
    except ValueError:
        raise RefusedError(f"{what} is not an id.") from None


def timestamp(value: Any, what: str) -> datetime.datetime:
    """Return a timestamp."""
    try:
        found = datetime.datetime.fromisoformat(text(value, what))
    except ValueError:
        raise RefusedError(f"{what} is not a timestamp.") from None
    if found.tzinfo is None:
        raise RefusedError(f"{what} has no time zone.")
    try:
        return found.astimezone(datetime.UTC)
    except OverflowError:
        raise RefusedError(f"{what} is not a timestamp.") from None


def boolean(value: Any, what: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise RefusedError(f"{what} is neither true nor false.")
    return value


def number(value: Any, what: str) -> int | None:
    """Return an integer; None for one that the database column does not hold."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(f"{what} is not an integer.")
    return value if MIN_INTEGER <= value <= MAX_INTEGER else None


def color(value: Any, what: str) -> str:
    """Return a colour."""
    if not COLOR.fullmatch(text(value, what)):
        raise RefusedError(f"{what} is not a colour such as #4f46e5.")
    return str(value)


def optional(check: Check) -> Check:
    """Return a check that also accepts null."""
    return lambda value, what: None if value is None else check(value, what)


def at_most(max_length: int) -> Check:
    """Return a check for a text of at most `max_length` characters."""
    return lambda value, what: text(value, what, max_length)


def one_of(*allowed: str) -> Check:
    """Return a check for one of these texts."""

    def check(value: Any, what: str) -> str:
        if value not in allowed:
            raise RefusedError(f"{what} is none of {', '.join(sorted(filter(None, allowed)))}.")
        return str(value)

    return check


def document(value: Any, what: str) -> Any:
    """Return a JSON value that a database can hold, and that can be read from there again."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                inner += [*part.keys(), *part.values()]
            elif isinstance(part, list):
                inner += part
            elif isinstance(part, float) and not math.isfinite(part):
                raise RefusedError(f"{what} holds a number that is too large.")
        if not inner:
            return _storable(value)
        level = inner
    raise RefusedError(f"{what} is nested too deeply.")


def _storable(value: Any) -> Any:
    """Return a JSON value without the characters that no database stores."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        found = {}
        for name, part in value.items():  # a comprehension would double the depth of the stack
            found[storable(name)] = _storable(part)
        return found
    if isinstance(value, list):
        return list(map(_storable, value))
    return value


HEAD = ("format", "version")
# The lists that files of version 1 do not have.
SINCE_VERSION_2 = {"samples"}
# The values of the fields that files of version 1 do not have.
DEFAULTS: dict[Kind, dict[str, Any]] = {
    "thread": {"branch_of": None, "branch_after": None},
    "reply": {"reasoning": "", "reasoning_ms": None},
}
ROLES = one_of(*ChatMessage.Role.values)
LISTS: dict[str, tuple[Kind, dict[str, Check]]] = {
    "personas": (
        "persona",
        {
            "name": text,
            "description": text,
            "color": color,
            "is_active": boolean,
            "metadata": document,
            "created_at": timestamp,
            "updated_at": timestamp,
        },
    ),
    "samples": (
        "sample",
        {
            "persona": key,
            "text": text,
            "source": one_of(*Sample.Source.values),
            "origin": text,
            "created_at": timestamp,
            "updated_at": timestamp,
        },
    ),
    "threads": (
        "thread",
        {
            "persona": optional(key),
            "title": at_most(255),
            "description": text,
            "is_general": boolean,
            "title_is_automatic": boolean,
            "model": at_most(255),
            "branch_of": optional(key),
            "branch_after": optional(key),
            "pinned_at": optional(timestamp),
            "archived_at": optional(timestamp),
            "created_at": timestamp,
            "updated_at": timestamp,
        },
    ),
    "messages": (
        "message",
        {
            "thread": key,
            "role": ROLES,
            "content": text,
            "created_at": timestamp,
            "updated_at": timestamp,
        },
    ),
    "versions": (
        "version",
        {
            "message": key,
            "role": at_most(50),
            "content": text,
            "written_at": timestamp,
            "replaced_at": timestamp,
        },
    ),
    "replies": (
        "reply",
        {
            "thread": key,
            "question": optional(key),
            "answer": optional(key),
            "voice": one_of(*Reply.Voice.values),
            "persona": optional(key),
            "model": text,
            "status": one_of(*STATUSES),
            "text": text,
            "reasoning": text,
            "reasoning_ms": optional(number),
            "prompt_tokens": optional(number),
            "completion_tokens": optional(number),
            "failure": at_most(20),
            "error": text,
            "created_at": timestamp,
            "updated_at": timestamp,
        },
    ),
}


def read_stream(source: JSONStream) -> Iterator[Item]:
    """Read an archive whose first key, `format`, is the next to be read."""
    seen: list[str] = []
    for name in source.members():
        if name in seen:
            raise RefusedError(f"The file holds “{name}” twice.")
        if name in HEAD or name in LISTS:
            seen.append(name)
        if name in LISTS:
            _check_order(seen)
            yield from read_rows(name, source.elements())
        else:
            check_head(name, source.value())
    source.end()
    missing = [name for name in (*HEAD, *LISTS) if name not in seen]
    if set(missing) - SINCE_VERSION_2:
        raise RefusedError(f"The file is not complete: {', '.join(missing)} is missing.")


def read_archive(value: dict[str, Any]) -> Iterator[Item]:
    """Read an archive whose keys another program has put into another order."""
    for name in HEAD:
        check_head(name, value.get(name))
    for name in LISTS:
        if name in SINCE_VERSION_2 and name not in value:
            continue
        if not isinstance(value.get(name), list):
            raise RefusedError(f"The file is not complete: {name} is missing.")
        yield from read_rows(name, value[name])


def check_head(name: str, value: Any) -> None:
    """Refuse an archive of another program or a later version."""
    if name == "format" and value != FORMAT:
        raise RefusedError(gettext_noop("The file is not a Twinthread export."))
    if name == "version" and (type(value) is not int or not 1 <= value <= FORMAT_VERSION):
        which = f"version {value}" if type(value) is int else "no version that is a number"
        raise RefusedError(
            f"The file has {which:.40}; this site reads versions 1 to {FORMAT_VERSION}."
        )


def read_rows(name: str, values: Iterable[Any]) -> Iterator[Item]:
    """Read one of the lists."""
    kind, checks = LISTS[name]
    for place, value in enumerate(values, 1):
        row = DEFAULTS.get(kind, {}) | mapping(value, f"{kind.title()} {place}")
        missing = {"id", *checks} - row.keys()
        if missing:
            raise RefusedError(f"{kind.title()} {place} has no {', '.join(sorted(missing))}.")
        fields = {
            field: check(row[field], f"{field} of {kind} {place}")
            for field, check in checks.items()
        }
        yield Item(kind, key(row["id"], f"id of {kind} {place}"), fields)


def _check_order(seen: list[str]) -> None:
    lists = [name for name in seen if name in LISTS]
    known = [name for name in LISTS if name in seen or name not in SINCE_VERSION_2]
    if lists != known[: len(lists)] or "version" not in seen:
        raise RefusedError(f"The lists must follow the version, in this order: {', '.join(LISTS)}.")
