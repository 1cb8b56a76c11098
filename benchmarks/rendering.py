"""How long does a text keep its reader waiting, and how long everybody else?

`python -m benchmarks.rendering`

Renders texts that are hard for lexers or for the Markdown parser through the pool, as a view
does. Meanwhile an event loop sleeps for a millisecond again and again. `at once` is whether the
first view shows the rendered text, `blocked` the share of the time in which the loop did not
run, `longest` its longest pause.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.databases import table
from chat.rendering import markdown, pool

CORPUS = {
    "a reply with code": ("Some *prose* with `code`.\n\n" * 8 + "```python\nprint(1)\n```\n\n")
    * 12,
    "maple, 60 backslashes": '```maple\n"' + "\\" * 60 + "\n```",
    "make, 18,000 brackets": "```make\n" + "(" * 18_000 + "\n```",
    "make, prose": "```make\n" + "lorem ipsum dolor sit amet " * 700 + "\n```",
    "java, prose": "```java\n" + "a " * 9_500 + "\n```",
    "ocaml, zeros": "```ocaml\n" + "0" * 19_000 + "\n```",
    "table, 400 columns": "|a" * 400 + "|\n" + "|-" * 400 + "|\n" + ("|b" * 400 + "|\n") * 47,
    "40,000 brackets": "[" * 40_000,
    "40,000 ampersands": "&" * 40_000,
    "emphasis": "*a _b " * 6_000,
    "lists in lists": "\n".join(" " * depth + "- a" for depth in range(250)),
    "1 MB": "a " * 500_000,
}
TICK = 0.001


async def pauses(until: asyncio.Future[object]) -> list[float]:
    """Return how long the loop took for each tick, in seconds, until something is done."""
    taken = []
    while not until.done():
        begin = time.perf_counter()
        await asyncio.sleep(TICK)
        taken.append(time.perf_counter() - begin)
    return taken


async def measure(text: str) -> list[str]:
    """Return how long a view waits, how long the text takes, and the pauses of the loop."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor() as threads:
        begin = time.perf_counter()
        seen = await loop.run_in_executor(threads, pool.render, text)
        waited = time.perf_counter() - begin
        rest = loop.run_in_executor(threads, lambda: pool.render(text, wait=3_600))
        taken = await pauses(rest)  # type: ignore[arg-type]  # any future will do
        rendered = await rest
        total = time.perf_counter() - begin
    final = "as written" if rendered.html == markdown.plain(text) else "rendered"
    blocked = sum(max(0.0, pause - 2 * TICK) for pause in taken) / max(sum(taken), TICK)
    return [
        "yes" if seen.is_final else "no",
        f"{waited * 1_000:.0f}",
        f"{total * 1_000:.0f}",
        final,
        f"{blocked:.0%}",
        f"{max(taken, default=0.0) * 1_000:.0f}",
    ]


async def measure_all() -> list[list[str]]:
    return [[name, *await measure(text)] for name, text in CORPUS.items()]


def main() -> None:
    pool.render("warm up", wait=60)
    head = [
        "text",
        "at once",
        "view waits, ms",
        "text takes, ms",
        "final",
        "blocked",
        "longest, ms",
    ]
    print(table(head, asyncio.run(measure_all())))


if __name__ == "__main__":
    main()
