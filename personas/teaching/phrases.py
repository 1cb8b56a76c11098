"""Find what somebody says again and again: openings, closings and phrases.

Phrases are grown from pairs of words: three words are frequent only where both of their pairs are.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from personas.teaching.words import FUNCTION_WORDS

# The phrases are looked for in this many words, the first that are added.
PHRASE_WORDS = 100_000
LONGEST = 5
LEAST = 3  # samples that have a phrase
SHOWN = 12
SHOWN_ENDS = 6
SHORT_LINE = 4
CLAUSE_END = re.compile(r"[.!?…,;:()\"“”„«»\n—–]+")
LETTER = re.compile(r"[^\W\d_]")
DIGIT = re.compile(r"\d")
Gram = tuple[str, ...]


class Phrases:
    """The texts of a person, as far as phrases are looked for in them."""

    def __init__(self) -> None:
        self.clauses: list[tuple[int, list[str]]] = []
        self.words = 0
        self.openings: Counter[str] = Counter()
        self.closings: Counter[str] = Counter()
        self.places: dict[str, list[int]] = {}

    def add(self, number: int, text: str, words: list[str]) -> None:
        """Add the sample with this number."""
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        if lines:
            self._count(self.openings, opening(lines[0]), number)
        if len(lines) > 1 and (end := closing(lines)):
            self._count(self.closings, end, number)
        if self.words > PHRASE_WORDS:
            return
        self.words += len(words)
        for clause in CLAUSE_END.split(text.lower()):
            run: list[str] = []
            for part in [*clause.replace("’", "'").split(), ""]:
                word = part.strip("'‘*_-")
                if LETTER.search(word) and not DIGIT.search(word):
                    run.append(word)
                    continue
                if len(run) > 1:  # numbers and signs are no part of a phrase
                    self.clauses.append((number, run))
                run = []

    def _count(self, counter: Counter[str], what: str, number: int) -> None:
        counter[what] += 1
        if len(counter) > 50_000:
            for rare in [key for key, count in counter.items() if count == 1]:
                del counter[rare]
        places = self.places.setdefault(what, []) if counter[what] < LEAST + 1 else []
        places.append(number)

    def found(self) -> dict[str, Any]:
        """Return the openings, closings and phrases: text, number of samples, first samples."""
        return {
            "openings": list(self._ends(self.openings)),
            "closings": list(self._ends(self.closings)),
            "phrases": [
                [" ".join(gram), len(samples), sorted(samples)[:LEAST]]
                for gram, samples in typical(self.clauses)
            ],
        }

    def _ends(self, counter: Counter[str]) -> Iterator[list[Any]]:
        """Yield openings or closings; those that differ in a name only are one."""
        groups: dict[str, list[tuple[str, int]]] = {}
        for text, count in counter.items():
            groups.setdefault(text.split()[0].lower().strip(",.!:;…"), []).append((text, count))
        totals: list[tuple[int, str, list[int]]] = []
        for found in groups.values():
            total = sum(count for _, count in found)
            text, count = max(found, key=lambda one: one[1])
            first = text.split()[0].strip(",.!:;…")
            is_one = count >= 0.6 * total
            places = (
                self.places.get(text, [])
                if is_one
                else [place for one, _ in found for place in self.places.get(one, [])]
            )
            if total > 1:
                totals.append((total, text if is_one else f"{first} …", sorted(places)[:LEAST]))
        least = max(2, sum(counter.values()) // 50)
        for total, text, places in sorted(totals, key=lambda one: (-one[0], one[1]))[:SHOWN_ENDS]:
            if total >= least:
                yield [text, total, places]


def opening(line: str) -> str:
    """Return a short first line, or the first two words of a longer one."""
    words = line.split()
    return line if len(words) <= SHORT_LINE else f"{words[0]} {words[1]} …"


def closing(lines: list[str]) -> str:
    """Return a short last line, with a short line that ends in a comma before it."""
    if len(lines[-1].split()) > SHORT_LINE:
        return ""
    before = lines[-2]
    is_pair = len(lines) > 2 and before.endswith(",") and len(before.split()) <= SHORT_LINE
    return f"{before} {lines[-1]}" if is_pair else lines[-1]


def typical(clauses: list[tuple[int, list[str]]]) -> list[tuple[Gram, set[int]]]:
    """Return phrases that several samples have, the most typical first."""
    frequent: dict[Gram, set[int]] = {}
    grown = _frequent(clauses, 2, None)
    length = 2
    while grown:
        frequent |= {gram: samples for gram, samples in grown.items() if is_phrase(gram)}
        length += 1
        if length > LONGEST:
            break
        grown = _frequent(clauses, length, set(grown))
    # Of two as typical, the one that was met first: it begins earlier in its sentence.
    ranked = sorted(frequent.items(), key=lambda one: -len(one[1]) * (len(one[0]) - 1) ** 1.5)
    kept: list[tuple[Gram, set[int]]] = []
    for gram, samples in ranked:
        if not any(_overlaps(gram, other) for other, _ in kept):
            kept.append((gram, samples))
            if len(kept) == SHOWN:
                break
    return kept


def _frequent(
    clauses: Iterable[tuple[int, list[str]]], length: int, shorter: set[Gram] | None
) -> dict[Gram, set[int]]:
    """Return the sequences of `length` words in at least LEAST samples, with those samples."""
    counts: Counter[Gram] = Counter()
    for _, words in clauses:
        counts.update(_grams(words, length, shorter))
    wanted = {gram for gram, count in counts.items() if count >= LEAST}
    samples: dict[Gram, set[int]] = {}
    if wanted:
        for number, words in clauses:
            for gram in _grams(words, length, shorter):
                if gram in wanted:
                    samples.setdefault(gram, set()).add(number)
    return {gram: found for gram, found in samples.items() if len(found) >= LEAST}


def _grams(words: list[str], length: int, shorter: set[Gram] | None) -> Iterator[Gram]:
    if shorter is None:
        yield from itertools.pairwise(words)
        return
    for start in range(len(words) - length + 1):
        gram = tuple(words[start : start + length])
        if gram[:-1] in shorter and gram[1:] in shorter:
            yield gram


def is_phrase(gram: Gram) -> bool:
    """Return whether a sequence says something of its own."""
    content = [word for word in gram if word not in FUNCTION_WORDS and not word.isdigit()]
    return len(content) == len(gram) if len(gram) == 2 else bool(content)


def _overlaps(gram: Gram, other: Gram) -> bool:
    """Return whether one is a part of the other, or most of their words are the same."""
    short, long = sorted((gram, other), key=len)
    inside = any(
        long[start : start + len(short)] == short for start in range(len(long) - len(short) + 1)
    )
    return inside or len(set(gram) & set(other)) >= len(short) - (len(short) > 2)
