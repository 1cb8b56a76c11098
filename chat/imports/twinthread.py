"""Reads our own archive, docs/export-format.md. What is not as written there is refused."""

import datetime
import math
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chat.exports.formats import FORMAT
from chat.exports.formats import FORMAT_VERSION as VERSION
from chat.failures import Failure
from chat.imports.items import Item, Kind
from chat.imports.reading import JSONStream, RefusedError, mapping, text
from chat.models import ChatMessage, Reply

COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
STATUSES = set(Reply.Status.values) - {"streaming"}
# How deep metadata may be nested: far more than anything that writes it does, and less than
# what any reader of JSON gives up at.
DEEPEST = 50
Check = Callable[[Any, str], Any]


def key(value: Any, what: str) -> str:
    """Return an id in its usual form."""
    try:
        return str(uuid.UUID(text(value, what)))
    except ValueError:
        raise RefusedError(f"{what} is not an id.") from None


def when(value: Any, what: str) -> datetime.datetime:
    """Return a moment."""
    try:
        found = datetime.datetime.fromisoformat(text(value, what))
    except ValueError:
        raise RefusedError(f"{what} is not a moment.") from None
    if found.tzinfo is None:
        raise RefusedError(f"{what} has no time zone.")
    try:
        return found.astimezone(datetime.UTC)
    except OverflowError:
        raise RefusedError(f"{what} is not a moment.") from None


def yes_or_no(value: Any, what: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise RefusedError(f"{what} is neither true nor false.")
    return value


def number(value: Any, what: str) -> int:
    """Return a whole number that a database column holds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise RefusedError(f"{what} is not a whole number.")
    return value


def color(value: Any, what: str) -> str:
    """Return a colour."""
    if not COLOR.fullmatch(text(value, what)):
        raise RefusedError(f"{what} is not a colour such as #4f46e5.")
    return str(value)


def optional(check: Check) -> Check:
    """Return a check that lets null pass."""
    return lambda value, what: None if value is None else check(value, what)


def at_most(longest: int) -> Check:
    """Return a check for a text of at most so many characters."""
    return lambda value, what: text(value, what, longest)


def one_of(*allowed: str) -> Check:
    """Return a check for one of these texts."""

    def check(value: Any, what: str) -> str:
        if value not in allowed:
            raise RefusedError(f"{what} is none of {', '.join(sorted(filter(None, allowed)))}.")
        return str(value)

    return check


def document(value: Any, what: str) -> dict[str, Any]:
    """Return an object that a database can hold, and that can be read again from there."""
    parts: list[Any] = [mapping(value, what)]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for part in parts:
            if isinstance(part, dict):
                inner += [*part.keys(), *part.values()]
            elif isinstance(part, list):
                inner += part
            elif isinstance(part, str):
                text(part, what)
            elif isinstance(part, float) and not math.isfinite(part):
                raise RefusedError(f"{what} holds a number that is too large.")
        if not inner:
            return dict(value)
        parts = inner
    raise RefusedError(f"{what} is nested too deeply.")


HEAD = ("format", "version")
ROLES = one_of(*ChatMessage.Role.values)
LISTS: dict[str, tuple[Kind, dict[str, Check]]] = {
    "personas": (
        "persona",
        {
            "name": text,
            "description": text,
            "color": color,
            "is_active": yes_or_no,
            "metadata": document,
            "created_at": when,
            "updated_at": when,
        },
    ),
    "threads": (
        "thread",
        {
            "persona": optional(key),
            "title": at_most(255),
            "description": text,
            "is_general": yes_or_no,
            "title_is_automatic": yes_or_no,
            "model": at_most(255),
            "pinned_at": optional(when),
            "archived_at": optional(when),
            "created_at": when,
            "updated_at": when,
        },
    ),
    "messages": (
        "message",
        {
            "thread": key,
            "role": ROLES,
            "content": text,
            "created_at": when,
            "updated_at": when,
        },
    ),
    "versions": (
        "version",
        {
            "message": key,
            "role": ROLES,
            "content": text,
            "written_at": when,
            "replaced_at": when,
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
            "prompt_tokens": optional(number),
            "completion_tokens": optional(number),
            "failure": one_of("", *Failure.values),
            "error": text,
            "created_at": when,
            "updated_at": when,
        },
    ),
}


def stream(source: JSONStream) -> Iterator[Item]:
    """Read an archive whose first key, `format`, is about to be read."""
    seen: list[str] = []
    for name in source.members():
        if name in seen:
            raise RefusedError(f"The file holds “{name}” twice.")
        if name in HEAD or name in LISTS:
            seen.append(name)
        if name in LISTS:
            _in_order(seen)
            yield from rows(name, source.elements())
        else:
            check_head(name, source.value())
    source.end()
    missing = [name for name in (*HEAD, *LISTS) if name not in seen]
    if missing:
        raise RefusedError(f"The file is not complete: {', '.join(missing)} is missing.")


def check_head(name: str, value: Any) -> None:
    """Refuse an archive of another program or a later version."""
    if name == "format" and value != FORMAT:
        raise RefusedError("The file is not a Twinthread export.")
    if name == "version" and (type(value) is not int or value != VERSION):
        which = f"version {value}" if type(value) is int else "no version that is a number"
        raise RefusedError(f"The file is of {which:.40}; this site reads version {VERSION}.")


def rows(name: str, values: Iterable[Any]) -> Iterator[Item]:
    """Read one of the lists."""
    kind, checks = LISTS[name]
    for place, value in enumerate(values, 1):
        row = mapping(value, f"{kind.title()} {place}")
        missing = {"id", *checks} - row.keys()
        if missing:
            raise RefusedError(f"{kind.title()} {place} has no {', '.join(sorted(missing))}.")
        fields = {
            field: check(row[field], f"{field} of {kind} {place}")
            for field, check in checks.items()
        }
        yield Item(kind, key(row["id"], f"id of {kind} {place}"), fields)


def _in_order(seen: list[str]) -> None:
    lists = [name for name in seen if name in LISTS]
    if lists != list(LISTS)[: len(lists)] or "version" not in seen:
        raise RefusedError(f"The lists must follow the version, in this order: {', '.join(LISTS)}.")
