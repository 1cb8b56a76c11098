"""People at work while something is measured: writers and readers of the old backend.

Runs as a process of its own, so that what they wait for is the database and not the one who
measures: `python -m benchmarks.people URL WRITERS READERS RATE`. Ends when its input is
closed, and prints every operation as [kind, seconds since the start, seconds taken].
"""

import asyncio
import json
import random
import sys
import time

import psycopg

Operation = tuple[str, float, float]

WRITE = "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, 'user', %s)"
READ = """
    SELECT id, role, content, created_at FROM chat_messages
    WHERE user_id = %s ORDER BY created_at DESC LIMIT 50
"""


async def work(
    url: str, kind: str, rate: float, users: list[object], begin: float, done: list[Operation]
) -> None:
    """Do `rate` operations a second, each timed by itself, until cancelled."""
    # The old backend prepares nothing.
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None)
    async with connection:
        while True:
            await asyncio.sleep(random.expovariate(rate))
            user = random.choice(users)
            started = time.monotonic()
            if kind == "write":
                await connection.execute(WRITE, [user, "What did we decide about this? " * 4])
            else:
                await (await connection.execute(READ, [user])).fetchall()
            done.append((kind, started - begin, time.monotonic() - started))


async def main(url: str, writers: int, readers: int, rate: float) -> list[Operation]:
    """Let them work until nobody holds our input open any more."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("SELECT id FROM users")).fetchall()
    users = [row[0] for row in rows]
    done: list[Operation] = []
    begin = time.monotonic()
    kinds = ["write"] * writers + ["read"] * readers
    tasks = [asyncio.create_task(work(url, kind, rate, users, begin, done)) for kind in kinds]
    finished = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await asyncio.wait([*tasks, finished], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()  # whoever failed says why
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return done


if __name__ == "__main__":
    url, writers, readers, rate = sys.argv[1:]
    print(json.dumps(asyncio.run(main(url, int(writers), int(readers), float(rate)))))
