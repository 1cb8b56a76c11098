"""Roll back and forth again without a loss while people chat: `python -m benchmarks.keep`.

`migrate chat 0001 --keep` and then `migrate`, while 4 writers and 4 readers do what the old backend
does. Before and after, every message, thread and version is compared with all its columns.
"""

import argparse
import os
import time
from typing import Any

from benchmarks.databases import table
from benchmarks.upgrade import READERS, WRITERS, Result, Server, alone, manage, people
from tests import postgres

# A second thread for each person, with every tenth message, and versions of some messages.
ROWS = """
    INSERT INTO threads (user_id, title) SELECT id, 'Second' FROM users;
    ALTER TABLE chat_messages DISABLE TRIGGER USER;
    UPDATE chat_messages SET thread_id = threads.id FROM threads
    WHERE threads.user_id = chat_messages.user_id AND title = 'Second'
      AND substr(chat_messages.id::text, 1, 1) IN ('0', '1');
    ALTER TABLE chat_messages ENABLE TRIGGER USER;
    UPDATE threads SET message_count = (
        SELECT count(*) FROM chat_messages WHERE thread_id = threads.id
    );
    INSERT INTO chat_message_versions (message_id, role, content, written_at)
    SELECT id, role, 'Before', created_at FROM chat_messages
    WHERE substr(id::text, 1, 2) = '00'
"""
COMPARED = {
    "chat_messages": "id, user_id, thread_id, role, content, created_at",
    "threads": "id, user_id, persona_id, title, is_general, created_at, pinned_at",
    "chat_message_versions": "id, message_id, role, content, written_at",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=25, help="operations a second and person")
    options = parser.parse_args()
    server = Server(options.messages)
    with server.copy("kept") as url:
        succeed(url, "migrate", "--noinput")
        server.run("kept", *ROWS.split(";\n"), "CREATE SCHEMA compared", "VACUUM ANALYZE")
        for name, columns in COMPARED.items():
            server.run("kept", f"CREATE TABLE compared.{name} AS SELECT {columns} FROM {name}")
        results = [alone(server, options.messages, options.rate, "before")]
        for way in (["migrate", "chat", "0001", "--keep", "--noinput"], ["migrate", "--noinput"]):
            result = Result(" ".join(way[:-1]), options.messages)
            with people(url, result, options.rate):
                said = succeed(url, *way)
            results.append(result)
        for line in said.splitlines():
            if "put back" in line:
                print(line)
        differences = {name: unequal(server, name) for name in COMPARED}
        without = server.value("kept", "SELECT count(*) FROM chat_messages WHERE thread_id IS NULL")
        checked, findings, _ = manage(url, "verify", "--data")
    print(
        f"{options.messages:,} messages, {postgres.describe(server.url)}, {os.cpu_count()} cores,"
    )
    print(f"{WRITERS} writers and {READERS} readers, {options.rate:g} operations a second each\n")
    print(table(HEAD, [row(one) for one in results]))
    print(f"\nrows that differ: {differences}; without a thread: {without}")
    print(f"verify: {checked}, {findings.strip().splitlines()[-1]}")


HEAD = ["", "seconds", "write p50 ms", "write longest ms", "read p50 ms", "read longest ms"]


def row(result: Result) -> list[str]:
    """Return what is printed of one run."""
    waits = [result.of(kind)[what] for kind in ("write", "read") for what in ("p50", "longest")]
    return [result.way, f"{result.seconds:.1f}", *map(str, waits)]


def succeed(url: str, *arguments: str) -> str:
    """Run manage.py, which has to succeed; return what it said."""
    begin = time.monotonic()
    status, said, _ = manage(url, *arguments)
    if status:
        raise RuntimeError(f"{said}\nafter {time.monotonic() - begin:.0f} s")
    return said


def unequal(server: Server, name: str) -> Any:
    """Return how many rows from before are gone or have another value."""
    columns = COMPARED[name]
    return server.value(
        "kept",
        f"SELECT count(*) FROM (SELECT {columns} FROM compared.{name}"
        f" EXCEPT SELECT {columns} FROM {name}) AS lost",
    )


if __name__ == "__main__":
    main()
