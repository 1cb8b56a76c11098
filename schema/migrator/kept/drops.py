"""Recognise the statements that drop tables and columns.

drops('ALTER TABLE a DROP COLUMN b, DROP CONSTRAINT c; DROP TABLE d')
== [Drop("a", "b"), 'ALTER TABLE a DROP CONSTRAINT c', Drop("d")]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlparse

from schema.introspection.catalog import quoted

NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
IF_EXISTS = r"(?:IF\s+EXISTS\s+)?"
CASCADE = r"(?:\s+(?:CASCADE|RESTRICT))?"
PATH = rf"(?:{NAME}\s*\.\s*)?({NAME})"
DROP_TABLE = re.compile(
    rf"\s*DROP\s+TABLE\s+({IF_EXISTS})((?:{NAME}|[\s.,])+?)({CASCADE})\s*;?\s*",
    re.IGNORECASE,
)
ALTER_TABLE = re.compile(
    rf"\s*ALTER\s+TABLE\s+{IF_EXISTS}(?:ONLY\s+)?{PATH}\s+(.*?)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
DROP_COLUMN = re.compile(rf"\s*DROP\s+(?:COLUMN\s+)?{IF_EXISTS}({NAME}){CASCADE}\s*", re.IGNORECASE)
# What stands in the place of a column's name in other actions.
OTHER_ACTIONS = {"constraint", "column", "if"}
DOLLAR_QUOTE = re.compile(r"\$\w*\$")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Drop:
    """A table that a statement drops, or one of its columns."""

    table: str
    column: str = ""
    sql: str = field(default="", compare=False)
    """A statement that drops this alone, as the one it is part of would."""


def drops(sql: str) -> list[Drop | str]:
    """Return the parts of `sql`, in order: each drop, and the statements between them.

    What is not recognised, such as the body of a function, is a part as it stands.
    """
    if "drop" not in sql.lower() or DOLLAR_QUOTE.search(sql):
        return [sql]
    return [part for statement in sqlparse.split(sql) for part in _parts(statement)]


def _parts(statement: str) -> Iterator[Drop | str]:
    plain = COMMENT.sub(" ", statement) if "'" not in statement else statement
    if match := DROP_TABLE.fullmatch(plain):
        for name in match[2].split(","):
            sql = f"DROP TABLE {match[1]}{name.strip()}{match[3]}"
            yield Drop(_name(name.rpartition(".")[2]), sql=sql)
        return
    match = ALTER_TABLE.fullmatch(plain)
    actions = [] if match is None else list(_actions(match[2]))
    found = [_column(action) for action in actions]
    if match is None or not any(found):
        yield statement
        return
    table, others = _name(match[1]), []
    for action, column in zip(actions, found, strict=True):
        if column:
            yield Drop(table, column, f"ALTER TABLE {quoted(table)} {action.strip()}")
        else:
            others.append(action.strip())
    if others:
        yield f"ALTER TABLE {quoted(table)} {', '.join(others)}"


def _actions(text: str) -> Iterator[str]:
    """Yield the actions of ALTER TABLE: the parts between commas outside parentheses."""
    depth, begin, quote = 0, 0, ""
    for place, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "," and depth == 0:
            yield text[begin:place]
            begin = place + 1
        else:
            depth += (sign == "(") - (sign == ")")
    yield text[begin:]


def _column(action: str) -> str:
    match = DROP_COLUMN.fullmatch(action)
    if match is None or match[1].lower() in OTHER_ACTIONS:
        return ""
    return _name(match[1])


def _name(written: str) -> str:
    written = written.strip()
    if written.startswith('"'):
        return written[1:-1].replace('""', '"')
    return written.lower()
