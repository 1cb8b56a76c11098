"""Measure how a person writes, without a model and in one pass over the texts.

The result is small and made of plain values, so that it is kept in a persona's `metadata`. What
has to be counted in many ways, phrases above all, is counted in the first PHRASE_WORDS words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from personas.teaching import phrases
from personas.teaching.words import COMMON, FORMAL, INFORMAL, LAUGHTER, POLITE, SCRIPTS

VERSION = 1
SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*(?:\s+|$)|\n+")
WORD = re.compile(r"\w")
UNSPACED = re.compile("[\u3041-\u30ff\u4e00-\u9fff\u0e00-\u0e7f]")
EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|(?:[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55\u203c]\ufe0f?"
    "[\U0001f3fb-\U0001f3ff]?)(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?)*"
)
EMOTICON = re.compile(r"(?<![\w:/]):-?[)(DPp|/](?!/)|(?<!\w);-?\)|<3|\^\^|(?<!\w)[xX]D(?!\w)")
MARKS = '!?…;:—–(,"-'
# The last number of words of each bar of the picture of sentence lengths; the last bar is open.
BARS = (5, 10, 15, 20, 30)
TO_BLANKS = {
    ord(mark): " " for mark in '!"#$%&()*+,./:;<=>?@[\\]^_`{|}~0123456789…—–“”„«»¿¡。！？、'
}
TO_BLANKS[ord("’")] = "'"
MAX_VOCABULARY = 200_000
FREQUENT_WORDS = 150
LANGUAGE_WORDS = 80  # of each text
SHOWN = 8


def measure(texts: Iterable[str]) -> dict[str, Any]:
    """Return the profile of the texts, of which each is a sample."""
    counts = Counts()
    for text in texts:
        counts.add(text)
    return counts.profile()


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, with their apostrophes."""
    return text.lower().translate(TO_BLANKS).split()


class Counts:
    """What has been counted so far. Its size does not grow with the number of texts."""

    def __init__(self) -> None:
        self.samples = self.words = self.sentences = self.lowercase = self.with_emoji = 0
        self.bars = [0] * (len(BARS) + 1)
        self.marks: Counter[str] = Counter()
        self.emoji: Counter[str] = Counter()
        self.vocabulary: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.phrases = phrases.Phrases()

    def add(self, text: str) -> None:
        """Count one text."""
        words = words_of(text)
        self._count_sentences(text)
        for mark in MARKS:
            self.marks[mark] += text.count(mark)
        self.marks["…"] += text.count("...")
        self._count_emoji(text)
        self.vocabulary.update(words)
        if len(self.vocabulary) > MAX_VOCABULARY:
            kept = self.vocabulary.most_common(MAX_VOCABULARY // 2)
            self.vocabulary = Counter(dict(kept))
        self.languages[language(text, words)] += len(words)
        self.phrases.add(self.samples, text, words)
        self.samples += 1

    def _count_sentences(self, text: str) -> None:
        for sentence in SENTENCE_END.split(text):
            length = len(sentence.split())
            if not length or not WORD.search(sentence):
                continue
            if not sentence.isascii() and (characters := len(UNSPACED.findall(sentence))):
                length = max(length, characters // 2)
            self.sentences += 1
            self.words += length
            self.lowercase += sentence[0].islower()
            for bar, limit in enumerate(BARS):
                if length <= limit:
                    self.bars[bar] += 1
                    break
            else:
                self.bars[-1] += 1

    def _count_emoji(self, text: str) -> None:
        found: list[str] = [] if text.isascii() else EMOJI.findall(text)
        if ":" in text or ";" in text or "<3" in text or "^^" in text or "D" in text:
            found += EMOTICON.findall(text)
        self.emoji.update(found)
        self.with_emoji += bool(found)

    def profile(self) -> dict[str, Any]:
        """Return what was found, as plain values."""
        words = max(self.words, 1)
        total = max(sum(self.languages.values()), 1)
        result: dict[str, Any] = {
            "version": VERSION,
            "samples": self.samples,
            "words": self.words,
            "sentences": self.sentences,
            "averageSentence": round(self.words / max(self.sentences, 1), 1),
            "sentenceLengths": self.bars,
            "lowercase": round(self.lowercase / max(self.sentences, 1), 3),
            "emoji": [list(one) for one in self.emoji.most_common(SHOWN)],
            "emojiShare": round(self.with_emoji / max(self.samples, 1), 3),
            "punctuation": {
                mark: round(1000 * self.marks[mark] / words, 1) for mark in MARKS if mark != '"'
            },
            "languages": [
                [name, round(count / total, 3)]
                for name, count in self.languages.most_common(4)
                if name and count / total >= 0.03
            ],
            "wordRates": {
                word: round(1000 * count / words, 2)
                for word, count in self.vocabulary.most_common(FREQUENT_WORDS)
            },
        }
        result |= self.phrases.found()
        result["formality"] = self._formality(result)
        result["tone"] = self._tone(result)
        return result

    def _rate(self, words: frozenset[str]) -> float:
        """Return how many of a thousand words are among these."""
        return 1000 * sum(self.vocabulary[word] for word in words) / max(self.words, 1)

    def _formality(self, found: dict[str, Any]) -> int:
        """Return 0 for very informal to 100 for very formal."""
        contractions = sum(n for word, n in self.vocabulary.items() if "'" in word.strip("'"))
        score = 50 + 1.5 * self._rate(FORMAL) - 1.2 * self._rate(INFORMAL)
        score += min(found["averageSentence"] - 12, 15) - 40 * found["emojiShare"]
        score -= 300 * contractions / max(self.words, 1) + 30 * found["lowercase"]
        score -= 0.5 * found["punctuation"]["!"]
        return int(max(0, min(100, score)))

    def _tone(self, found: dict[str, Any]) -> list[str]:
        """Return words for the tone; none for less than a few sentences."""
        if self.sentences < 5:
            return []
        marks = found["punctuation"]
        possible = {
            "formal": found["formality"] >= 62,
            "informal": found["formality"] <= 38,
            "playful": self._rate(LAUGHTER) >= 2 or found["emojiShare"] >= 0.3,
            "lively": marks["!"] >= 15,
            "polite": self._rate(POLITE) >= 6,
            "questioning": marks["?"] >= 20,
            "brief": found["averageSentence"] <= 8,
            "detailed": found["averageSentence"] >= 20,
        }
        return [word for word, is_so in possible.items() if is_so][:3] or ["matter-of-fact"]


def language(text: str, words: list[str]) -> str:
    """Return the language that most of the first words belong to; "" if none is known."""
    hits = Counter([COMMON[word] for word in words[:LANGUAGE_WORDS] if word in COMMON])
    if hits:
        return hits.most_common(1)[0][0]
    if text.isascii():
        return ""
    return next((name for name, script in SCRIPTS.items() if script.search(text)), "")
