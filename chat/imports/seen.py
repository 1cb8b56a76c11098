"""The rows that a preview has counted."""

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any


class Seen:
    """A set of rows that may be millions, so it is in a temporary file, not in memory."""

    def __init__(self) -> None:
        self.rows = sqlite3.connect("", isolation_level=None)  # SQLite deletes the file at the end
        self.rows.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
            "CREATE TABLE seen (kind TEXT, key BLOB, thread BLOB, PRIMARY KEY (kind, key))"
            " WITHOUT ROWID; CREATE INDEX seen_thread ON seen (thread)"
        )

    def add(self, kind: str, rows: Mapping[uuid.UUID, dict[str, Any]]) -> None:
        """Remember new rows, by key, and the threads of messages."""
        self.rows.executemany(
            "INSERT INTO seen VALUES (?, ?, ?)",
            ((kind, key.bytes, _thread(kind, row)) for key, row in rows.items()),
        )

    def among(self, kind: str, keys: list[uuid.UUID]) -> set[uuid.UUID]:
        """Return those of `keys` that are remembered."""
        values = [key.bytes for key in keys]
        marks = ", ".join("?" * len(values))
        found = self.rows.execute(
            f"SELECT key FROM seen WHERE kind = ? AND key IN ({marks})",  # noqa: S608 - marks
            [kind, *values],
        )
        return {uuid.UUID(bytes=key) for (key,) in found}

    def messages_of(self, thread: uuid.UUID) -> set[uuid.UUID]:
        """Return the remembered messages of a thread."""
        found = self.rows.execute("SELECT key FROM seen WHERE thread = ?", [thread.bytes])
        return {uuid.UUID(bytes=key) for (key,) in found}

    def close(self) -> None:
        """Delete everything."""
        self.rows.close()


def _thread(kind: str, row: dict[str, Any]) -> bytes | None:
    thread = row.get("thread") if kind == "message" else None
    return thread.bytes if isinstance(thread, uuid.UUID) else None
