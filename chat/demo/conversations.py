"""What demo users and their twins say to each other."""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

# A text cut up at the words to be filled in: plain, name of a word, plain, name, …, plain.
Pieces = list[str]


class Corpus:
    """Topics with their titles and exchanges, read from topics.toml."""

    def __init__(self) -> None:
        found = tomllib.loads(Path(__file__).with_name("topics.toml").read_text("utf-8"))
        self.words: dict[str, list[str]] = found["words"]
        self.braces = re.compile(r"\{(" + "|".join(self.words) + r")\}")
        self.topics = [
            (
                [self.braces.split(title) for title in topic["titles"]],
                self._cut(topic["exchanges"]),
            )
            for topic in found["topics"]
        ]
        self.follow_ups = self._cut(found["follow_ups"]["exchanges"])

    def _cut(self, exchanges: list[list[str]]) -> list[tuple[Pieces, Pieces]]:
        return [(self.braces.split(said), self.braces.split(reply)) for said, reply in exchanges]


class Conversation:
    """One conversation: a title, and as many exchanges as are asked for."""

    def __init__(self, corpus: Corpus, chance: random.Random) -> None:
        self.corpus, self.chance = corpus, chance
        self.words: dict[str, str] = {}
        titles, self.exchanges = chance.choice(corpus.topics)
        title = self._fill(chance.choice(titles))
        self.title = title[0].upper() + title[1:]

    def _fill(self, pieces: Pieces) -> str:
        if len(pieces) == 1:
            return pieces[0]
        filled = pieces.copy()
        for place in range(1, len(pieces), 2):
            word = pieces[place]
            if word not in self.words:
                self.words[word] = self.chance.choice(self.corpus.words[word])
            filled[place] = self.words[word]
        return "".join(filled)

    def spoken(self) -> Iterator[str]:
        """Say what is said, in turn by the user and by the other side, without an end.

        The topic's exchanges come in their order, now and then with a general one between
        them; after the last one the talk goes on to another topic.
        """
        while True:
            for said, reply in self.exchanges:
                yield self._fill(said)
                yield self._fill(reply)
                if self.chance.random() < 0.25:
                    said, reply = self.chance.choice(self.corpus.follow_ups)
                    yield self._fill(said)
                    yield self._fill(reply)
            self.words = {}
            _, self.exchanges = self.chance.choice(self.corpus.topics)
