"""Read chats that WhatsApp exports, from Android and from iPhones.

Android writes `12/31/23, 9:41 PM - Alice: Hi`, iPhones `[31.12.23, 21:41:07] Alice: Hi`; date and
time are in the form of the phone's country. A message may go on in the next lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from personas.teaching.readers.passages import Passage, decoded

DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
TIME = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u202f\u00a0]?[AaPp]\.?[\s\u00a0]?[Mm]\.?)?"
HEAD = re.compile(
    rf"^[\u200e\u200f\ufeff]*(?:\[(?P<ios>{DATE}),? {TIME}\]|(?P<android>{DATE}),? {TIME} [-–])"
    r" (?P<rest>.*)$",
    re.DOTALL,
)
SPEAKER = re.compile(r"^[\u200e~\u202f ]*(?P<name>[^:\n]{1,80}): (?P<text>.*)$", re.DOTALL)
# What WhatsApp writes in place of a picture or a deleted message. On iPhones it begins with U+200E.
NO_TEXT = re.compile(
    r"^(?:<[^<>\n]{3,60}>|\u200e.{0,200}|(?:This message was deleted|You deleted this message"
    r"|Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht|null)\.?"
    r"|[^\n]{1,100} \((?:file attached|Datei angehängt|archivo adjunto|fichier joint)\))$",
    re.DOTALL,
)
EDITED = re.compile(
    r"\s?<[^<>\n]{3,60}(?:edited|bearbeitet|modifié|editado|modificato)[^<>\n]{0,20}>$"
)
MAX_MESSAGE = 20_000


def matches(beginning: str) -> bool:
    """Return whether one of the first lines is the head of a message."""
    return any(HEAD.match(line) for line in beginning.splitlines()[:10])


def read(lines: Iterator[bytes]) -> Iterator[Passage]:
    """Yield each message. Those of a day are a group."""
    head: re.Match[str] | None = None
    text: list[str] = []
    length = 0
    for raw in lines:
        line = decoded(raw).rstrip("\r\n")
        if found := HEAD.match(line):
            if head:
                yield from _message(head, text)
            head, text, length = found, [], 0
        elif length < MAX_MESSAGE:
            text.append(line)
            length += len(line)
    if head:
        yield from _message(head, text)


def _message(head: re.Match[str], more: list[str]) -> Iterator[Passage]:
    said = SPEAKER.match(head["rest"])
    if said is None:  # what happened in the group, not what somebody wrote
        return
    text = "\n".join([said["text"], *more]).strip()
    text = EDITED.sub("", text)
    if text and not NO_TEXT.match(text):
        yield Passage(" ".join(said["name"].split()), text, group=head["ios"] or head["android"])
