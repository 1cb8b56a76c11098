"""Take apart the statements that SQLite keeps in sqlite_master.

SQLite's pragmas report neither checks nor collations, constraint names, DEFERRABLE or
AUTOINCREMENT: they stand only in the text of CREATE TABLE
(https://sqlite.org/lang_createtable.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from schema.introspection.catalog import Column, Constraint, Item

TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|$))
    |(?P<string>[xX]?'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<sign><=|>=|<>|!=|==|\|\||<<|>>|->>|->|.)
    """,
    re.VERBOSE | re.DOTALL,
)
PLAIN = re.compile(r"[^\W\d][\w$]*\Z")
STARTS = {
    "constraint",
    "primary",
    "not",
    "null",
    "unique",
    "check",
    "default",
    "collate",
    "references",
    "generated",
    "as",
}
PARSED = 4096
"""How many statements are kept parsed: those that a database holds stand in its records too."""
TABLE_STARTS = {"constraint", "primary", "unique", "check", "foreign"}


class Token(NamedTuple):
    """A word, name, text, number or sign; `start` and `end` are its place in the text."""

    value: str
    """Comparable: words and simple names in small letters, names without their quotes."""
    start: int
    end: int


def tokens(sql: str) -> list[Token]:
    """Return the tokens of `sql`, without blanks and comments."""
    found = []
    for match in TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind != "blank":
            found.append(Token(_value(kind, text), match.start(), match.end()))
    return found


def _value(kind: str, text: str) -> str:
    if kind == "word":
        return text.lower()
    if kind == "quoted":
        name = text[1:-1].replace(text[-1] * 2, text[-1])
        return name.lower() if PLAIN.match(name) else f'"{name}"'
    return text


def normal(parts: list[Token]) -> str:
    """Return the tokens as one text with single blanks between them."""
    text = ""
    for before, token in zip([None, *parts], parts, strict=False):
        tight = before is None or before.value in "(." or token.value in "(),;."
        text += token.value if tight else f" {token.value}"
    return text


@lru_cache(maxsize=PARSED)
def normal_after(sql: str, word: str) -> str:
    """Return, in its normal form, what follows the first `word` that is outside quotes."""
    parts = tokens(sql)
    place = next(i for i, token in enumerate(parts) if token.value == word)
    return normal(parts[place + 1 :])


@dataclass
class Definition:
    """A CREATE TABLE statement, taken apart."""

    columns: dict[str, Column] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    options: str = ""


@lru_cache(maxsize=PARSED)
def parse_table(sql: str) -> Definition:
    """Take apart a CREATE TABLE statement as SQLite keeps it; not to be changed."""
    parts = tokens(sql)
    begin = next(i for i, token in enumerate(parts) if token.value == "(")
    end = _closing(parts, begin)
    definition = Definition(options=normal(parts[end + 1 :]))
    for entry in _split(parts[begin + 1 : end]):
        text = sql[entry[0].start : entry[-1].end]
        if entry[0].value in TABLE_STARTS and sql[entry[0].start].isalpha():
            constraint = _table_constraint(entry)
            definition.constraints.append(constraint)
            definition.items.append(Item(text, None, (constraint,)))
        else:
            column, constraints = _column(entry)
            definition.columns[column.name] = column
            definition.constraints += constraints
            definition.items.append(Item(text, column.name, tuple(constraints)))
    return definition


def _closing(parts: list[Token], begin: int) -> int:
    depth = 0
    for place in range(begin, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[place].value, 0)
        if depth == 0:
            return place
    raise ValueError("unbalanced parentheses")


def _split(parts: list[Token]) -> list[list[Token]]:
    entries: list[list[Token]] = [[]]
    depth = 0
    for token in parts:
        depth += {"(": 1, ")": -1}.get(token.value, 0)
        if token.value == "," and depth == 0:
            entries.append([])
        else:
            entries[-1].append(token)
    return entries


def _clauses(parts: list[Token], starts: set[str]) -> list[list[Token]]:
    """Cut where a clause begins; the first part is what stands before any."""
    clauses: list[list[Token]] = [[]]
    depth = 0
    for token in parts:
        depth += {"(": 1, ")": -1}.get(token.value, 0)
        before = [one.value for one in clauses[-1]]
        if token.value in starts and depth == 0 and not _continues(token.value, before):
            clauses.append([])
        clauses[-1].append(token)
    return clauses


def _continues(word: str, before: list[str]) -> bool:
    """Whether `word` goes on with a clause: ON DELETE SET NULL, DEFAULT NULL, a name."""
    if not before:
        return False
    return (
        (word == "null" and before[-1] in {"set", "not", "default"})
        or (word == "default" and before[-1] == "set")
        or (word == "as" and before == ["generated", "always"])
        or (word == "not" and before[0] == "references")
        or before == ["constraint"]
    )


def _column(parts: list[Token]) -> tuple[Column, list[Constraint]]:
    head, *clauses = _clauses(parts[1:], STARTS)
    name = parts[0].value
    properties: dict[str, str | None] = {}
    constraints: list[Constraint] = []
    nullable = True
    given = ""
    for clause in clauses:
        words = [token.value for token in clause]
        if words[0] == "constraint":
            given = words[1]
            continue
        if words[:2] == ["not", "null"]:
            nullable = False
        constraints += _column_constraint(given, name, clause)
        properties |= _column_property(clause)
        given = ""
    return Column(name, normal(head), nullable, **properties), constraints


def _column_property(clause: list[Token]) -> dict[str, str | None]:
    words = [token.value for token in clause]
    match words[0]:
        case "default":
            return {"default": _bare(clause[1:])}
        case "collate":
            return {"collation": words[1]}
        case "generated" | "as":
            return {"generated": normal(clause[words.index("as") + 1 :])}
    return {}


def _column_constraint(given: str, column: str, clause: list[Token]) -> list[Constraint]:
    """Return the constraint of a column's clause, named `given`, or nothing."""
    match clause[0].value:
        case "references":
            return [_foreign_key(given, (column,), clause)]
        case "check":
            return [Constraint(given, "check", normal(clause), (column,))]
        case "unique" | "primary":
            return [_key(given, clause, (column,))]
    return []


def _bare(parts: list[Token]) -> str:
    """Return the expression without the parentheses around all of it."""
    while parts[0].value == "(" and _closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    return normal(parts)


def _table_constraint(parts: list[Token]) -> Constraint:
    name = ""
    if parts[0].value == "constraint":
        name, parts = parts[1].value, parts[2:]
    if parts[0].value == "check":
        return Constraint(name, "check", normal(parts))
    begin = next(i for i, token in enumerate(parts) if token.value == "(")
    end = _closing(parts, begin)
    columns = tuple(entry[0].value for entry in _split(parts[begin + 1 : end]))
    if parts[0].value == "foreign":
        return _foreign_key(name, columns, parts[end + 1 :])
    return _key(name, parts, columns)


def _key(name: str, parts: list[Token], columns: tuple[str, ...]) -> Constraint:
    words = [token.value for token in parts]
    kind = "primary key" if words[0] == "primary" else "unique"
    rest = words[2:] if kind == "primary key" else words[1:]
    if rest and rest[0] == "(":
        rest = rest[_closing(parts, words.index("(")) - len(words) + len(rest) + 1 :]
    inside = f"{kind.upper()} ({', '.join(columns)})"
    return Constraint(name, kind, " ".join([inside, *(word.upper() for word in rest)]), columns)


def _foreign_key(name: str, columns: tuple[str, ...], parts: list[Token]) -> Constraint:
    definition = f"FOREIGN KEY ({', '.join(columns)}) {normal(parts)}"
    return Constraint(name, "foreign key", definition, columns, target=parts[1].value)
