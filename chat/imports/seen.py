"""Which rows a preview has come across."""

import sqlite3
import uuid
from collections.abc import Iterable


class Seen:
    """A set of rows that may be millions: it lies in a temporary file, not in memory."""

    def __init__(self) -> None:
        self.rows = sqlite3.connect("", isolation_level=None)  # SQLite deletes it at the end
        self.rows.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
            "CREATE TABLE seen (kind TEXT, key BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def add(self, kind: str, keys: Iterable[uuid.UUID]) -> None:
        """Remember rows that are not among these yet."""
        self.rows.executemany("INSERT INTO seen VALUES (?, ?)", ((kind, k.bytes) for k in keys))

    def among(self, kind: str, keys: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """Return those of `keys` that are remembered."""
        asked = [key.bytes for key in keys]
        marks = ", ".join("?" * len(asked))
        found = self.rows.execute(
            f"SELECT key FROM seen WHERE kind = ? AND key IN ({marks})",  # noqa: S608 - marks
            [kind, *asked],
        )
        return {uuid.UUID(bytes=key) for (key,) in found}

    def close(self) -> None:
        """Forget everything."""
        self.rows.close()
