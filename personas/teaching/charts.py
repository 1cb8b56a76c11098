"""The small pictures on the page of what was learnt; templates draw them as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from personas.teaching.profile import BARS

HEIGHT, WIDTH = 80, 240  # units of the pictures


@dataclass(frozen=True)
class Bar:
    """A bar: what it stands for, its place and size, its share in percent."""

    label: str
    x: float
    y: float
    height: float
    percent: int


def sentence_lengths(counts: list[int]) -> list[Bar]:
    """Return a bar for each range of sentence lengths."""
    starts = [1, *(limit + 1 for limit in BARS)]
    labels = [f"{start}–{end}" for start, end in zip(starts, BARS, strict=False)]
    labels.append(f"{starts[-1]}+")
    total, most = max(sum(counts), 1), max([*counts, 1])
    step = WIDTH / len(counts)
    return [
        Bar(
            label,
            round(number * step + 3, 1),
            round(HEIGHT - HEIGHT * count / most, 1),
            round(HEIGHT * count / most, 1),
            round(100 * count / total),
        )
        for number, (label, count) in enumerate(zip(labels, counts, strict=True))
    ]


def formality(score: int) -> dict[str, float]:
    """Return the score from 0 to 100, and the place of its mark."""
    return {"score": score, "x": round(8 + (WIDTH - 16) * score / 100, 1)}


def width(value: float, most: float) -> float:
    """Return the length of a horizontal bar."""
    return round(100 * value / most, 1)
