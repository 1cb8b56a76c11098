"""What the old backend does all day, as statements of its own."""

import uuid

import psycopg

Statement = tuple[str, tuple[object, ...]]


class OldBackend:
    """A client that knows nothing of this project and goes on as it always has."""

    def __init__(self, url: str, *, threads: bool, personas: bool) -> None:
        """Connect; `threads` and multi-`personas` are what its version knows of."""
        self.connection = psycopg.connect(url, autocommit=True)
        # A statement that has to wait for long is a failure.
        self.connection.execute("SET statement_timeout = '5s'")
        self.threads = threads
        self.personas = personas
        self.rounds = 0

    def work(self) -> None:
        """Sign somebody up, make two personas, switch, write, and tidy up."""
        self.rounds += 1
        email = f"{uuid.uuid4().hex}@example.com"
        user = self._make(
            "INSERT INTO users (email, password_hash, name) VALUES (%s, %s, %s)",
            (email, "$2a$10$old", None if self.rounds % 2 else "New"),
        )
        first = self._make("INSERT INTO personas (user_id, name) VALUES (%s, %s)", (user, "One"))
        if self.personas:
            self._make(
                "INSERT INTO personas (user_id, name, description, color, is_active, metadata)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (user, "Two", None, (None, "#123456", "red", "")[self.rounds % 4], False, None),
            )
            self._do("UPDATE personas SET is_active = false WHERE user_id = %s", (user,))
            self._do("UPDATE personas SET is_active = true WHERE id = %s", (first,))
        for role in ("user", "assistant"):
            self._do(
                "INSERT INTO chat_messages (user_id, role, content) VALUES (%s, %s, %s)",
                (user, role, f"round {self.rounds}"),
            )
        if self.threads:
            thread = self._make(
                "INSERT INTO threads (user_id, persona_id, title, description)"
                " VALUES (%s, %s, %s, %s)",
                (user, first, "Plans", None),
            )
            self._do("DELETE FROM threads WHERE id = %s", (thread,))

    def close(self) -> None:
        """Leave."""
        self.connection.close()

    def _make(self, sql: str, values: tuple[object, ...]) -> object:
        row = self.connection.execute(f"{sql} RETURNING id".encode(), values).fetchone()
        assert row is not None
        return row[0]

    def _do(self, sql: str, values: tuple[object, ...]) -> None:
        self.connection.execute(sql.encode(), values)
