"""Read Gemini's MyActivity.json of Google Takeout.

It is a list of prompts with their answers and has no conversations, so the prompts of a day
become one.
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

from chat.imports.reading import timestamp
from chat.imports.trees import ATTACHMENTS, Node, Tree, chain

# What Takeout writes before a prompt, in the person's language: one word, or two.
PROMPTED = re.compile(r"(Prompted|Asked|Said|Gefragt|Demandé|Preguntado|Prompt:)\s+", re.IGNORECASE)
BLOCKS = {"p", "div", "br", "li", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "tr", "table", "hr"}


def matches(value: dict[str, Any]) -> bool:
    """Return whether this is an activity in Gemini, formerly Bard."""
    return (
        "header" in value
        and "time" in value
        and bool(re.match("Gemini|Bard", _str(value, "header")))
    )


def read_days(activities: Iterable[dict[str, Any]]) -> Iterator[Tree]:
    """Read the activities into a conversation for each day, in UTC."""
    days: dict[str, list[tuple[str, list[Node]]]] = {}
    for activity in activities:
        time = timestamp(activity.get("time"))
        if time is not None:
            days.setdefault(f"{time:%Y-%m-%d}", []).append((time.isoformat(), _nodes(activity)))
    for day in sorted(days):
        exchanges = sorted(days[day], key=lambda exchange: exchange[0])
        nodes = [node for _, pair in exchanges for node in pair]
        keys = [f"{when} {number}" for when, pair in exchanges for number in range(len(pair))]
        unique = keys if len(set(keys)) == len(keys) else None
        yield Tree(name=day, title=f"Gemini, {day}", nodes=chain(nodes, unique))


def _nodes(activity: dict[str, Any]) -> list[Node]:
    prompt = PROMPTED.sub("", _str(activity, "title"), count=1)
    files = activity.get("attachedFiles")
    skipped = [ATTACHMENTS] * len(files) if isinstance(files, list) else []
    nodes = [Node(None, "user", prompt, activity.get("time"), skipped)]
    items = activity.get("safeHtmlItem")
    answers = (
        [item.get("html") for item in items if isinstance(item, dict)]
        if isinstance(items, list)
        else []
    )
    text = "\n\n".join(_plain(answer) for answer in answers if isinstance(answer, str))
    return [*nodes, Node(None, "assistant", text, activity.get("time"))] if text else nodes


def _str(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


class _Text(HTMLParser):
    """Collects the text of HTML, a line for each block."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Begin a line before a block."""
        if tag in BLOCKS:
            self.parts.append("\n- " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        """End the line after a block."""
        if tag in BLOCKS - {"li", "br", "hr"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.parts.append(data)


def _plain(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    parser.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(parser.parts)).strip()
