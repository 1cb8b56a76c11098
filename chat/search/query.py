"""What somebody typed into the search field, understood. Whatever is typed has a meaning."""

import datetime
import re
import uuid
from dataclasses import dataclass, field

from django.utils import timezone

from chat.search import text
from chat.search.inflections import forms

# Longer input is not read to its end: no one types it, and a query has to stay small.
LONGEST = 1_000
MOST_TERMS = 32
# From this many letters on, the word being typed also finds the words it begins.
SHORTEST_PREFIX = 3

TOKEN = re.compile(
    r"""
    (?P<minus>-?)
    (?:
        (?P<field>from|role|persona|thread|in|after|since|before):
        (?: "(?P<quoted>[^"]*)"? | (?P<value>[^\s"]*) )
      | "(?P<phrase>[^"]*)"?
      | (?P<word>[^\s"]+)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
ROLES = {"user": "user", "me": "user", "assistant": "assistant", "ai": "assistant", "twin": "twin"}
DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True)
class Term:
    """What one place of the text must hold.

    Attributes:
        words: One word, or several that have to stand next to each other.
        alternatives: What may stand instead of a single word, itself first.
        prefix: Whether the last word may go on.
    """

    words: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    prefix: bool = False

    @property
    def is_cjk(self) -> bool:
        """Whether this is a run of Chinese, Japanese or Korean characters."""
        return bool(text.IS_CJK.match(self.words[0]))

    @property
    def is_unfinished(self) -> bool:
        """Whether the last word, or the only character, may be the beginning of a longer one."""
        return self.prefix or (self.is_cjk and len(self.words[0]) == 1)


@dataclass
class SearchQuery:
    """A search: the terms and filters that all hold of what is found, and what does not."""

    terms: list[Term] = field(default_factory=list)
    excluded: list[Term] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    personas: list[str] = field(default_factory=list)
    persona_ids: list[uuid.UUID] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    after: datetime.datetime | None = None
    before: datetime.datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def has_words(self) -> bool:
        """Whether the texts themselves have to be looked at."""
        return bool(self.terms or self.excluded)

    def __bool__(self) -> bool:
        return bool(
            self.has_words
            or self.roles
            or self.personas
            or self.persona_ids
            or self.threads
            or self.after
            or self.before
        )


def parse(typed: str) -> SearchQuery:
    """Return what `typed` asks for; `notes` say what of it could not be used."""
    query = SearchQuery()
    if len(typed) > LONGEST:
        query.notes.append(f"Only the first {LONGEST:,} characters were used.")
    typed = typed[:LONGEST]
    tokens = list(TOKEN.finditer(typed))
    for token in tokens:
        if token["field"]:
            _add_filter(query, token)
            continue
        quoted = token["phrase"] is not None
        said = token["phrase"] if quoted else token["word"]
        typing = not quoted and not token["minus"] and token.end() == len(typed)
        into = query.excluded if token["minus"] else query.terms
        into += terms(said, quoted=quoted, typing=typing)
    if len(query.terms) + len(query.excluded) > MOST_TERMS:
        query.notes.append(f"Only the first {MOST_TERMS} words were used.")
        query.terms = query.terms[:MOST_TERMS]
        query.excluded = query.excluded[: MOST_TERMS - len(query.terms)]
    return query


def terms(said: str, *, quoted: bool = False, typing: bool = False) -> list[Term]:
    """Return the terms of a phrase, or of what stands between blanks.

    `foo.bar()`, `snake_case` and a path are words next to each other, as in quotes.
    """
    found: list[Term] = []
    together: list[str] = []
    runs = [*text.words(said), ""]
    for place, run in enumerate(runs):
        if run and not text.IS_CJK.match(run):
            together.append(run)
            continue
        if together:
            last = not run and place == len(runs) - 1
            prefix = typing and last and len(together[-1]) >= SHORTEST_PREFIX
            single = len(together) == 1 and not quoted
            alternatives = tuple(forms(together[0])) if single else ()
            found.append(Term(tuple(together), alternatives, prefix))
            together = []
        if run:
            found.append(Term((run,)))
    return found


def _add_filter(query: SearchQuery, token: re.Match[str]) -> None:
    name = token["field"].lower()
    value = (token["quoted"] if token["quoted"] is not None else token["value"]).strip()
    written = f"{name}:{value}"
    if token["minus"]:
        query.notes.append(f"-{written} was left out: only words can be excluded.")
    elif not value:
        return  # it is being typed
    elif name in {"from", "role"}:
        role = ROLES.get(value.lower())
        if role:
            query.roles.add(role)
        else:
            query.notes.append(f"{written} was left out: it takes user, assistant or twin.")
    elif name == "persona":
        query.personas.append(value)
    elif name in {"thread", "in"}:
        query.threads.append(value)
    else:
        day = _day(value)
        if day is None:
            query.notes.append(f"{written} was left out: it takes a date such as 2025-01-31.")
        elif name == "before":
            query.before = min(query.before or day, day)
        else:
            query.after = max(query.after or day, day)


def _day(value: str) -> datetime.datetime | None:
    """Return the start of a day, month or year, in the site's time zone; None if it is none."""
    parts = DATE.fullmatch(value)
    if parts is None:
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    try:
        return timezone.make_aware(datetime.datetime(year, month, day))
    except (ValueError, OverflowError):
        return None
