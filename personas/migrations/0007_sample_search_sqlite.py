"""Find the samples of a persona by their words, on SQLite.

The owner in this index is the persona. Triggers fold the text as those of chat.0013 fold messages, by
the same tables.
"""

from django.db import migrations

import schema.operations

LENGTH = 50_000
UNSPACED = (
    rb"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    rb"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
    rb"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf"
    rb"\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17d7\u17dc"
).decode("unicode_escape")
# A text is taken apart 200 characters at a time, because reaching the n-th takes n steps.
PLACES = "places (place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 200)"
THIS, NEXT = "substr(part, place, 1)", "substr(part, place, 2)"
SEPARATOR = (
    f"(SELECT last FROM chat_search_separators WHERE first <= unicode({THIS})"
    f" ORDER BY first DESC LIMIT 1) >= unicode({THIS})"
)


def folded(text: str) -> str:
    """Return the SQL for a text with its letters folded and blanks for separators."""
    return f"""(
                WITH RECURSIVE parts (start, part) AS (
                    SELECT 1, substr({text}, 1, 200)
                    UNION ALL
                    SELECT start + 200, substr({text}, start + 200, 200) FROM parts
                    WHERE length(part) = 200
                ), {PLACES}
                SELECT group_concat(
                    CASE
                        WHEN unicode({THIS}) < 128 THEN {THIS}
                        WHEN {SEPARATOR} THEN ' '
                        ELSE coalesce(
                            (SELECT folded FROM chat_search_letters WHERE letter = {THIS}), {THIS}
                        )
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            )"""


# Pairs of characters that are one, such as a kana and its voicing mark, joined in their order.
JOINED = """(
                WITH RECURSIVE joined (number, text) AS (
                    SELECT 0, folded
                    UNION ALL
                    SELECT joined.number + 1, (
                        SELECT replace(joined.text, pair, chat_search_pairs.joined)
                        FROM chat_search_pairs WHERE chat_search_pairs.number = joined.number
                    ) FROM joined WHERE number < (SELECT count(*) FROM chat_search_pairs)
                )
                SELECT text FROM joined WHERE number = (SELECT count(*) FROM chat_search_pairs)
            )"""
HAS_PAIR = """EXISTS (
                SELECT 1 FROM chat_search_pairs WHERE instr(folded, substr(pair, 2, 1)) > 0
            )"""
SPLIT = f"""(
                WITH RECURSIVE parts (start, part) AS (
                    SELECT 1, substr(joined, 1, 201)
                    UNION ALL
                    SELECT start + 200, substr(joined, start + 200, 201) FROM parts
                    WHERE length(part) > 200
                ), {PLACES}
                SELECT group_concat(
                    CASE
                        WHEN {THIS} NOT GLOB '[{UNSPACED}]' THEN {THIS}
                        WHEN {NEXT} GLOB '[{UNSPACED}][{UNSPACED}]' THEN ' ' || {NEXT} || ' '
                        ELSE ' ' || {THIS} || ' '
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            )"""


def words_and_scope(row: str) -> str:
    """Return the SQL for what `row` is found by, as the values of `words` and `scope`."""
    text = f"substr({row}.text, 1, {LENGTH})"
    return f"""
            CASE WHEN {text} GLOB '*[{chr(0x80)}-{chr(0x10FFFF)}]*' THEN (
                SELECT CASE WHEN joined GLOB '*[{UNSPACED}]*' THEN {SPLIT} ELSE joined END
                FROM (
                    SELECT substr(CASE WHEN {HAS_PAIR} THEN {JOINED} ELSE folded END, 1, {LENGTH})
                        AS joined
                    FROM (SELECT {folded(text)} AS folded)
                )
            ) ELSE {text} END,
            'p' || {row}.persona_id"""


ADD = f"""
        INSERT INTO persona_sample_search (rowid, words, scope)
        SELECT number, {words_and_scope("NEW")}
        FROM persona_sample_search_rows WHERE sample_id = NEW.id;
"""
REMOVE = f"""
        INSERT INTO persona_sample_search (persona_sample_search, rowid, words, scope)
        SELECT 'delete', number, {words_and_scope("OLD")}
        FROM persona_sample_search_rows WHERE sample_id = OLD.id;
"""
SQLITE = [
    """
    CREATE TABLE persona_sample_search_rows (
        number integer PRIMARY KEY, sample_id char(32) NOT NULL UNIQUE
    )
    """,
    """
    CREATE VIRTUAL TABLE persona_sample_search USING fts5 (
        words, scope, content='', tokenize="ascii"
    )
    """,
    f"""
    CREATE TRIGGER persona_sample_search_insert AFTER INSERT ON personas_samples
    BEGIN
        INSERT OR REPLACE INTO persona_sample_search_rows (sample_id) VALUES (NEW.id);{ADD}    END
    """,
    f"""
    CREATE TRIGGER persona_sample_search_update AFTER UPDATE OF id, persona_id, text
    ON personas_samples
    WHEN OLD.id IS NOT NEW.id OR OLD.persona_id IS NOT NEW.persona_id OR OLD.text IS NOT NEW.text
    BEGIN{REMOVE}
        UPDATE persona_sample_search_rows SET sample_id = NEW.id WHERE sample_id = OLD.id;{ADD}    END
    """,
    f"""
    CREATE TRIGGER persona_sample_search_delete AFTER DELETE ON personas_samples
    BEGIN{REMOVE}
        DELETE FROM persona_sample_search_rows WHERE sample_id = OLD.id;
    END
    """,
    "INSERT INTO persona_sample_search_rows (sample_id) SELECT id FROM personas_samples",
    f"""
    INSERT INTO persona_sample_search (rowid, words, scope)
    SELECT number, {words_and_scope("personas_samples")}
    FROM persona_sample_search_rows
    JOIN personas_samples ON personas_samples.id = sample_id ORDER BY number
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER persona_sample_search_delete",
    "DROP TRIGGER persona_sample_search_update",
    "DROP TRIGGER persona_sample_search_insert",
    "DROP TABLE persona_sample_search",
    "DROP TABLE persona_sample_search_rows",
]


class Migration(migrations.Migration):
    dependencies = [
        ("personas", "0006_sample_search"),
        # The tables that say how letters are folded.
        ("chat", "0013_search_folding_sqlite"),
    ]

    derived_tables = ("persona_sample_search", "persona_sample_search_rows")

    operations = [
        schema.operations.SQLByVendor(forward={"sqlite": SQLITE}, backward={"sqlite": SQLITE_BACK}),
    ]
