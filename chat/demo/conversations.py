"""Write the conversations of demo users."""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

# A text split at its placeholders: plain text, placeholder, plain text, placeholder, …, plain text.
Template = list[str]


class Corpus:
    """Topics with their titles and exchanges, read from topics.toml."""

    def __init__(self) -> None:
        found = tomllib.loads(Path(__file__).with_name("topics.toml").read_text("utf-8"))
        self.words: dict[str, list[str]] = found["words"]
        self.braces = re.compile(r"\{(" + "|".join(self.words) + r")\}")
        self.topics = [
            (
                [self.braces.split(title) for title in topic["titles"]],
                self._split(topic["exchanges"]),
            )
            for topic in found["topics"]
        ]
        self.follow_ups = self._split(found["follow_ups"]["exchanges"])

    def _split(self, exchanges: list[list[str]]) -> list[tuple[Template, Template]]:
        return [
            (self.braces.split(question), self.braces.split(reply)) for question, reply in exchanges
        ]


class Conversation:
    """One conversation: a title, and any number of exchanges."""

    def __init__(self, corpus: Corpus, chance: random.Random) -> None:
        self.corpus, self.chance = corpus, chance
        self.words: dict[str, str] = {}
        titles, self.exchanges = chance.choice(corpus.topics)
        title = self._fill(chance.choice(titles))
        self.title = title[0].upper() + title[1:]

    def _fill(self, template: Template) -> str:
        if len(template) == 1:
            return template[0]
        filled = template.copy()
        for place in range(1, len(template), 2):
            word = template[place]
            if word not in self.words:
                self.words[word] = self.chance.choice(self.corpus.words[word])
            filled[place] = self.words[word]
        return "".join(filled)

    def texts(self) -> Iterator[str]:
        """Yield the messages, in turn of the user and of the other side, without an end.

        The exchanges of the topic come in order, with a general one between them now and then.
        After the last one, the conversation changes to another topic.
        """
        while True:
            for question, reply in self.exchanges:
                yield self._fill(question)
                yield self._fill(reply)
                if self.chance.random() < 0.25:
                    question, reply = self.chance.choice(self.corpus.follow_ups)
                    yield self._fill(question)
                    yield self._fill(reply)
            self.words = {}
            _, self.exchanges = self.chance.choice(self.corpus.topics)
