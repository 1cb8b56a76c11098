"""Score how well a message answers a query, to put the best of the newest matches first."""

from collections.abc import Callable

from chat.search import highlight, text
from chat.search.query import SearchQuery

# BM25 with k = 1.2 and without document frequencies, because every match contains every term.
SATURATION = 1.2
# An inflection counts less than the word as typed.
INFLECTION_WEIGHT = 0.7
# At this length, in characters, a text counts half; at this position, a first match adds half.
HALF_LENGTH = 1_000
HALF_POSITION = 40


def scorer(query: SearchQuery) -> Callable[[str], float]:
    """Return a function from the text of a message to its score; higher is better, 0 no match.

    Each word counts once, and less for every repetition. A short text and an early match count
    more.
    """
    pattern = highlight.pattern_of(tuple(query.terms))
    typed = {text.fold(word) for term in query.terms for word in term.words}

    def score(content: str) -> float:
        if pattern is None:
            return 0.0
        counts: dict[str, int] = {}
        first = 0
        for match in pattern.finditer(text.fold(content)):
            first = match.start() if not counts else first
            counts[match.group()] = counts.get(match.group(), 0) + 1
        total = 0.0
        for form, count in counts.items():
            weight = 1.0 if form in typed or " " in form else INFLECTION_WEIGHT
            total += weight * count * (SATURATION + 1) / (count + SATURATION)
        position = 1 + 1 / (1 + first / HALF_POSITION)
        return total * position / (1 + len(content) / HALF_LENGTH)

    return score
