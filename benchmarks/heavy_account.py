"""An account with many threads of formatted messages, for the pages and the API."""

import psycopg

TEXT = """**Number {n}**: what `f(x)` does, in three steps

1. It reads *invoice {n}* and the [list](https://example.com/{n}).
2. It adds what is due.

| Month | Due |
|---|--:|
| May | {n} |

```python
def due(number):
    return sum(row.amount for row in rows(number))
```
"""
FILL = """
    INSERT INTO users (email, password_hash) VALUES ('heavy@example.com', '!');
    INSERT INTO personas (user_id, name, is_active, created_at)
        SELECT u.id, 'Persona ' || n, n = 1, now() + n * interval '1 second'
        FROM users u, generate_series(1, %(personas)s) n;
    INSERT INTO threads (user_id, title, persona_id)
        SELECT u.id, 'Thread ' || n, (SELECT id FROM personas
            ORDER BY created_at OFFSET n %% %(personas)s LIMIT 1)
        FROM users u, generate_series(1, %(threads)s) n;
    INSERT INTO chat_messages (user_id, thread_id, role, content, created_at)
        SELECT t.user_id, t.id, CASE n %% 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
            replace(%(text)s, '{n}', n::text), now() - n * interval '1 minute'
        FROM threads t, generate_series(1, 40) n;
    ANALYZE
"""


def fill(url: str, threads: int, personas: int) -> str:
    """Write the person's rows; return the key of a thread."""
    values = {"threads": threads, "personas": personas, "text": TEXT}
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in FILL.split(";"):
            needs_values = "%(" in statement
            connection.execute(statement.encode(), values if needs_values else None)
        (thread,), *_ = connection.execute("SELECT id FROM threads ORDER BY id LIMIT 1").fetchall()
        return str(thread)
