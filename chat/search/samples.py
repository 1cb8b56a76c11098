"""Find the samples of a persona that fit a message best, in one query.

A sample scores for each word of the message that it has, the more the fewer samples have the word;
long samples score a little less. On SQLite this is FTS5's bm25(). Where too few samples have any of
the words, the newest follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from chat.search import text
from chat.search.conditions import MAX_WORD_BYTES

if TYPE_CHECKING:
    from personas.models import Persona

# The longest words of a message are looked for: they are the rarest.
MAX_WORDS = 24
MAX_READ = 4_000  # characters of the message
POSTGRESQL = """
    WITH words AS MATERIALIZED (SELECT unnest(%(words)s::text[]) AS word),
    hits AS MATERIALIZED (
        SELECT found.id, word FROM words CROSS JOIN LATERAL (
            SELECT id FROM personas_samples
            WHERE chat_search_tokens(persona_id, created_at, text)
                @@ concat('''@', %(persona)s::text, ''' & ''', word, '''')::tsquery
            OFFSET 0
        ) AS found
    ),
    weights AS (
        SELECT word, ln(1 + (SELECT count(DISTINCT id) FROM hits) / count(*)::float8) AS weight
        FROM hits GROUP BY word
    ),
    scores AS (SELECT id, sum(weight) AS score FROM hits JOIN weights USING (word) GROUP BY id)
    SELECT text FROM personas_samples LEFT JOIN scores USING (id)
    WHERE persona_id = %(persona)s
    ORDER BY score / ln(3 + length(text) / 200.0) DESC NULLS LAST, created_at DESC, id DESC
    LIMIT %(limit)s
"""
SQLITE = """
    SELECT text FROM personas_samples LEFT JOIN (
        SELECT sample_id, bm25(persona_sample_search, 1.0, 0.0) AS score
        FROM persona_sample_search CROSS JOIN persona_sample_search_rows
            ON number = persona_sample_search.rowid
        WHERE persona_sample_search MATCH %(query)s
    ) ON sample_id = id
    WHERE persona_id = %(persona)s
    ORDER BY score IS NULL, score, created_at DESC, id DESC
    LIMIT %(limit)s
"""


def best(persona: Persona, message: str, *, limit: int) -> list[str]:
    """Return the texts of at most `limit` samples, those that fit `message` best first."""
    connection = connections[persona._state.db or "default"]
    words = words_of(message)
    params: dict[str, Any] = {"limit": limit, "words": words, "persona": persona.pk}
    statement = POSTGRESQL
    if connection.vendor != "postgresql":
        statement = SQLITE
        either = " OR ".join(f'"{word}"' for word in words) or '""'
        query = f'scope : "p{persona.pk.hex}" AND words : ({either})'
        params = {"limit": limit, "query": query, "persona": persona.pk.hex}
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return [row[0] for row in cursor.fetchall()]


def words_of(message: str) -> list[str]:
    """Return the longest words of a message; a run of an unspaced script is pairs of characters."""
    words: set[str] = set()
    for word in text.words(message[:MAX_READ]):
        words.update(text.bigrams(word) if text.IS_UNSPACED.match(word) else [word])
    fitting = [word for word in words if len(word.encode()) <= MAX_WORD_BYTES]
    return sorted(fitting, key=lambda word: (-len(word), word))[:MAX_WORDS]
