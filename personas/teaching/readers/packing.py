"""Cut and join passages into samples of a useful length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from personas.teaching.readers.passages import Passage

# Neighbours in a group are joined up to this many characters.
JOINED = 500
# A longer text becomes several samples.
LONGEST = 2_000
LETTER = re.compile(r"[^\W\d_]")


def packed(passages: Iterable[Passage]) -> Iterator[str]:
    """Yield samples. A message of a chat is a line of a sample, a mail is a sample."""
    waiting: list[str] = []
    group, length = "", 0
    for passage in passages:
        joins = passage.group and passage.group == group and length + len(passage.text) <= JOINED
        if waiting and not joins:
            yield from _cut(_joined(waiting, group))
            waiting, length = [], 0
        waiting.append(passage.text)
        group = passage.group
        length += len(passage.text)
    if waiting:
        yield from _cut(_joined(waiting, group))


def _joined(texts: list[str], group: str) -> str:
    return ("\n\n" if group == "text" else "\n").join(texts)


def _cut(text: str) -> Iterator[str]:
    """Yield the text in parts that end with a paragraph, a line or a sentence."""
    while len(text) > LONGEST:
        places = [text.rfind(end, LONGEST // 2, LONGEST) for end in ("\n\n", "\n", ". ", " ")]
        place = next((place for place in places if place > 0), LONGEST - 1) + 1
        if LETTER.search(text[:place]):
            yield text[:place].strip()
        text = text[place:]
    if LETTER.search(text):
        yield text.strip()
