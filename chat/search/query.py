"""Parse what was typed into the search field. Every input is a valid query."""

import datetime
import re
import uuid
from dataclasses import dataclass, field

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.search import text
from chat.search.inflections import inflections

MAX_LENGTH = 1_000
MAX_TERMS = 32
# The word being typed also matches the words that it begins, from this many letters on.
MIN_PREFIX = 3

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
OPERATORS = {"AND", "OR", "NOT"}
OPERATOR_NOTE = (
    "{} is searched for as a word. All words must be found; write - before a word to exclude it."
)
DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")


@dataclass(frozen=True)
class Term:
    """A word or a phrase that a message must contain, or must not.

    Attributes:
        words: One word, or the words of a phrase.
        alternatives: A single word and its inflections, the word itself first.
        prefix: Whether the last word also matches longer words that begin with it.
    """

    words: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    prefix: bool = False

    @property
    def is_unspaced(self) -> bool:
        """Whether this is a run of a script without blanks between words, such as Chinese."""
        return bool(text.IS_UNSPACED.match(self.words[0]))

    @property
    def is_phrase(self) -> bool:
        """Whether this is several words that must be next to each other."""
        return len(self.words) > 1

    @property
    def is_prefix(self) -> bool:
        """Whether the index must be read for all words with the same beginning.

        A single character of such a script is looked up as the first of a pair.
        """
        return self.prefix or (self.is_unspaced and len(self.words[0]) == 1)


@dataclass
class SearchQuery:
    """A parsed query: a message matches if all terms and filters hold and no excluded term does."""

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
        """Whether the index of the words is needed."""
        return bool(self.terms or self.excluded)

    @property
    def has_prefix(self) -> bool:
        """Whether a term is the beginning of a word."""
        return any(term.is_prefix for term in self.terms)

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
    """Return the query in `typed`. Its `notes` name what was ignored and why."""
    query = SearchQuery()
    if len(typed) > MAX_LENGTH:
        query.notes.append(
            _("Only the first %(number)s characters were used.") % {"number": intcomma(MAX_LENGTH)}
        )
    typed = typed[:MAX_LENGTH]
    for token in TOKEN.finditer(typed):
        if token["field"]:
            _add_filter(query, token)
            continue
        if token["word"] in OPERATORS and token.start() > 0 and token.end() < len(typed):
            query.notes.append(OPERATOR_NOTE.format(token["word"]))
        is_quoted = token["phrase"] is not None
        is_being_typed = not is_quoted and not token["minus"] and token.end() == len(typed)
        terms = query.excluded if token["minus"] else query.terms
        terms += split_terms(
            token["phrase"] if is_quoted else token["word"],
            is_quoted=is_quoted,
            is_being_typed=is_being_typed,
        )
    if len(query.terms) + len(query.excluded) > MAX_TERMS:
        query.notes.append(_("Only the first %(number)s words were used.") % {"number": MAX_TERMS})
        query.terms = query.terms[:MAX_TERMS]
        query.excluded = query.excluded[: MAX_TERMS - len(query.terms)]
    return query


def split_terms(typed: str, *, is_quoted: bool, is_being_typed: bool) -> list[Term]:
    """Return the terms of a quoted phrase, or of an input without blanks.

    `foo.bar()`, `snake_case` and paths are phrases, as if they were quoted. A run of an
    unspaced script is a term by itself.
    """
    terms: list[Term] = []
    phrase: list[str] = []

    def end_phrase(*, is_last: bool) -> None:
        if not phrase:
            return
        prefix = is_being_typed and is_last and len(phrase[-1]) >= MIN_PREFIX
        is_word = len(phrase) == 1 and not is_quoted
        terms.append(Term(tuple(phrase), tuple(inflections(phrase[0])) if is_word else (), prefix))
        phrase.clear()

    for run in text.words(typed):
        if text.IS_UNSPACED.match(run):
            end_phrase(is_last=False)
            terms.append(Term((run,)))
        else:
            phrase.append(run)
    end_phrase(is_last=True)
    return terms


def _add_filter(query: SearchQuery, token: re.Match[str]) -> None:
    name = token["field"].lower()
    value = (token["quoted"] if token["quoted"] is not None else token["value"]).strip()
    if token["minus"]:
        query.notes.append(f"-{name}:{value} was ignored: only words can be excluded.")
    elif not value:
        return  # it is being typed
    elif name in {"from", "role"}:
        role = ROLES.get(value.lower())
        if role:
            query.roles.add(role)
        else:
            query.notes.append(f"{name}:{value} was ignored: use user, assistant or twin.")
    elif name == "persona":
        query.personas.append(value)
    elif name in {"thread", "in"}:
        query.threads.append(value)
    else:
        _add_date(query, name, value)


def _add_date(query: SearchQuery, name: str, value: str) -> None:
    start = _start_of(value)
    if start is None:
        query.notes.append(f"{name}:{value} was ignored: use a date such as 2025-01-31.")
    elif name == "before":
        query.before = min(query.before or start, start)
    else:
        query.after = max(query.after or start, start)


def _start_of(value: str) -> datetime.datetime | None:
    """Return the start of a day, month or year in the site's time zone; None if it is none."""
    parts = DATE.fullmatch(value)
    if parts is None:
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    try:
        return timezone.make_aware(datetime.datetime(year, month, day))
    except (ValueError, OverflowError):
        return None
