"""Search by folded words, on SQLite.

SQLite cannot normalize a text, so that three small tables hold what Unicode says: the letters
that are indexed as others, the characters that separate words, and the pairs of characters that
are one. The triggers fold each text that is not all ASCII character by character, and split unspaced
scripts into pairs; FTS5's tokenizer is left with blanks to split at. Any program that writes
to the database keeps the index, since all of this is SQL.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from django.db import migrations

import schema.operations

LENGTH = 50_000
# As in chat.search.text.
SEPARATORS = (
    r"\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u02c2-\u02c5"
    r"\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u02ff\u0375\u037e\u0384-\u0385\u0387\u03f6\u0482"
    r"\u055a-\u055f\u0589-\u058f\u05be\u05c0\u05c3\u05c6\u05f3-\u060f\u061b-\u061f"
    r"\u066a-\u066d\u06d4\u06dd-\u06de\u06e9\u06fd-\u06fe\u0700-\u070f\u07f6-\u07f9"
    r"\u07fe-\u07ff\u0830-\u083e\u085e\u0888\u0890-\u0891\u08e2\u0964-\u0965\u0970"
    r"\u09f2-\u09fb\u09fd\u0a76\u0af0-\u0af1\u0b70\u0b72-\u0b77\u0bf0-\u0bfa\u0c77-\u0c7f"
    r"\u0c84\u0d4f\u0d58-\u0d5e\u0d70-\u0d79\u0df4\u0e3f\u0e4f\u0e5a-\u0e5b\u0f01-\u0f17"
    r"\u0f1a-\u0f1f\u0f2a-\u0f34\u0f36\u0f38\u0f3a-\u0f3d\u0f85\u0fbe-\u0fc5\u0fc7-\u0fda"
    r"\u104a-\u104f\u109e-\u109f\u10fb\u1360-\u137c\u1390-\u1399\u1400\u166d-\u166e\u1680"
    r"\u169b-\u169c\u16eb-\u16ed\u1735-\u1736\u17d4-\u17d6\u17d8-\u17db\u17f0-\u180a\u180e"
    r"\u1940-\u1945\u19da-\u19ff\u1a1e-\u1a1f\u1aa0-\u1aa6\u1aa8-\u1aad\u1b5a-\u1b6a"
    r"\u1b74-\u1b7e\u1bfc-\u1bff\u1c3b-\u1c3f\u1c7e-\u1c7f\u1cc0-\u1cc7\u1cd3\u1fbd"
    r"\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf\u1fed-\u1fef\u1ffd-\u2070\u2074-\u207e"
    r"\u2080-\u208e\u20a0-\u20c0\u2100-\u2101\u2103-\u2106\u2108-\u2109\u2114\u2116-\u2118"
    r"\u211e-\u2123\u2125\u2127\u2129\u212e\u213a-\u213b\u2140-\u2144\u214a-\u214d"
    r"\u214f-\u215f\u2189-\u2bff\u2ce5-\u2cea\u2cf9-\u2cff\u2d70\u2e00-\u2e2e\u2e30-\u3004"
    r"\u3008-\u3020\u3030\u3036-\u3037\u303d-\u303f\u309b-\u309c\u30a0\u30fb\u3190-\u319f"
    r"\u31c0-\u31e3\u3200-\u33ff\u4dc0-\u4dff\ua490-\ua4c6\ua4fe-\ua4ff\ua60d-\ua60f\ua673"
    r"\ua67e\ua6f2-\ua716\ua720-\ua721\ua789-\ua78a\ua828-\ua82b\ua830-\ua839\ua874-\ua877"
    r"\ua8ce-\ua8cf\ua8f8-\ua8fa\ua8fc\ua92e-\ua92f\ua95f\ua9c1-\ua9cd\ua9de-\ua9df"
    r"\uaa5c-\uaa5f\uaa77-\uaa79\uaade-\uaadf\uaaf0-\uaaf1\uab5b\uab6a-\uab6b\uabeb"
    r"\ue000-\uf8ff\ufb29\ufbb2-\ufbc2\ufd3e-\ufd4f\ufdcf\ufdfc-\ufe19\ufe30-\ufe6b"
    r"\ufeff-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffa0-\uffdc\uffe0-\ufffd"
    r"\U0001d000-\U0001d3ff"
    r"\U0001d6c1\U0001d6db\U0001d6fb\U0001d715\U0001d735\U0001d74f\U0001d76f\U0001d789"
    r"\U0001d7a9\U0001d7c3\U0001f000-\U0001fbca\U000e0001-\U0010ffff"
)
MARKS = (
    r"\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7"
    r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
)
UNSPACED = (
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf"
    r"\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17d7\u17dc"
)
LETTERS = {"ς": "σ", "ł": "l", "đ": "d", "ø": "o", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "·": " "}
LIGATURES = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
JAMO = range(0x3131, 0x318F)
# No character from here on has a case or a decomposition.
END = 0x2FA1E
ROWS = 500

_mark = re.compile(f"[{MARKS}]+")
_separator = re.compile(f"[{SEPARATORS}]")


def letters() -> Iterator[tuple[str, str]]:
    """Yield the letters that are indexed as others, and as what."""
    for code in range(0x80, END):
        letter = chr(code)
        if (
            code in JAMO
            or _separator.match(letter)
            or unicodedata.category(letter) in {"Cn", "Cs", "Co"}
        ):
            continue
        unmarked = _mark.sub("", unicodedata.normalize("NFKD", letter))
        folded = unicodedata.normalize("NFC", unmarked).lower()
        folded = folded.translate(str.maketrans(LETTERS | LIGATURES))
        if folded != letter:
            yield letter, folded


def separators() -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each range of separators, as code points."""
    for first, last in re.findall(r"(.)(?:-(.))?", characters(SEPARATORS), re.DOTALL):
        yield ord(first), ord(last or first)


def pairs() -> Iterator[tuple[str, str]]:
    """Yield two characters and the one that they are together, unless the second is a mark."""
    for code in range(0x80, END):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) != 2 or parts[0].startswith("<"):
            continue
        pair = "".join(chr(int(part, 16)) for part in parts)
        if unicodedata.normalize("NFC", pair) == chr(code) and not _mark.match(pair[1]):
            yield pair, chr(code)


def characters(escaped: str) -> str:
    """Return a set with the characters themselves, as GLOB writes it."""
    return escaped.encode().decode("unicode_escape")


def insert(table: str, rows: Iterable[tuple[str | int, ...]]) -> list[str]:
    """Return statements that insert rows, some hundred each."""
    values = [f"({', '.join(literal(value) for value in row)})" for row in rows]
    return [
        f"INSERT INTO {table} VALUES {', '.join(values[n : n + ROWS])}"
        for n in range(0, len(values), ROWS)
    ]


def literal(value: str | int) -> str:
    """Return a number or a text as SQL."""
    return str(value) if isinstance(value, int) else f"'{value}'"


# In this order, for a joined character may be the first of another pair.
PAIRS = [
    (number, *pair)
    for number, pair in enumerate(
        sorted(pairs(), key=lambda pair: len(unicodedata.normalize("NFD", pair[1])))
    )
]
SECONDS = "".join(sorted({pair[1] for _, pair, _ in PAIRS}))
TABLES = [
    "CREATE TABLE chat_search_letters (letter text NOT NULL PRIMARY KEY, folded text NOT NULL)"
    " WITHOUT ROWID",
    "CREATE TABLE chat_search_separators (first integer NOT NULL PRIMARY KEY, last integer NOT NULL)",
    "CREATE TABLE chat_search_pairs (number integer NOT NULL PRIMARY KEY, pair text NOT NULL,"
    " joined text NOT NULL)",
    *insert("chat_search_letters", letters()),
    *insert("chat_search_separators", separators()),
    *insert("chat_search_pairs", PAIRS),
]

# A text is taken apart 200 characters at a time, because reaching the n-th takes n steps.
PLACES = "places (place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 200)"
THIS, NEXT = "substr(part, place, 1)", "substr(part, place, 2)"


def folded(text: str) -> str:
    """Return the SQL for a text with its letters folded and blanks for separators."""
    separator = (
        f"(SELECT last FROM chat_search_separators WHERE first <= unicode({THIS})"
        f" ORDER BY first DESC LIMIT 1) >= unicode({THIS})"
    )
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
                        WHEN {separator} THEN ' '
                        ELSE coalesce(
                            (SELECT folded FROM chat_search_letters WHERE letter = {THIS}), {THIS}
                        )
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            )"""


def joined(text: str) -> str:
    """Return the SQL for a text with pairs of characters that are one joined."""
    return f"""(
                WITH RECURSIVE joined (number, text) AS (
                    SELECT 0, {text}
                    UNION ALL
                    SELECT joined.number + 1, (
                        SELECT replace(joined.text, pair, chat_search_pairs.joined)
                        FROM chat_search_pairs WHERE chat_search_pairs.number = joined.number
                    ) FROM joined WHERE number < {len(PAIRS)}
                )
                SELECT text FROM joined WHERE number = {len(PAIRS)}
            )"""


def split(text: str) -> str:
    """Return the SQL for a text whose unspaced scripts are split into pairs of characters."""
    unspaced = characters(UNSPACED)
    return f"""(
                WITH RECURSIVE parts (start, part) AS (
                    SELECT 1, substr({text}, 1, 201)
                    UNION ALL
                    SELECT start + 200, substr({text}, start + 200, 201) FROM parts
                    WHERE length(part) > 200
                ), {PLACES}
                SELECT group_concat(
                    CASE
                        WHEN {THIS} NOT GLOB '[{unspaced}]' THEN {THIS}
                        WHEN {NEXT} GLOB '[{unspaced}][{unspaced}]' THEN ' ' || {NEXT} || ' '
                        ELSE ' ' || {THIS} || ' '
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            )"""


def words_and_scope(row: str) -> str:
    """Return the SQL for what `row` is found by, as the values of `words` and `scope`."""
    text = f"substr({row}.content, 1, {LENGTH})"
    seconds = f"max(0, coalesce(CAST(strftime('%s', {row}.created_at) AS INTEGER), 0))"
    owner = f"u' || {row}.user_id"
    return f"""
            CASE WHEN {text} GLOB '*[{chr(0x80)}-{chr(0x10FFFF)}]*' THEN (
                SELECT CASE WHEN joined GLOB '*[{characters(UNSPACED)}]*'
                    THEN {split("joined")} ELSE joined END
                FROM (
                    SELECT substr(
                        CASE WHEN folded GLOB '*[{SECONDS}]*'
                            THEN {joined("folded")} ELSE folded END, 1, {LENGTH}
                    ) AS joined
                    FROM (SELECT {folded(text)} AS folded)
                )
            ) ELSE {text} END,
            '{owner} || ' {owner} || 's' || ({seconds} / 1048576)"""


def triggers(words_and_scope: Callable[[str], str]) -> list[str]:
    """Return the triggers that keep the index; `words_and_scope` returns the SQL for a row."""
    add = f"""
        INSERT INTO chat_search (rowid, words, scope)
        SELECT number, {words_and_scope("NEW")}
        FROM chat_search_rows WHERE message_id = NEW.id;
"""
    remove = f"""
        INSERT INTO chat_search (chat_search, rowid, words, scope)
        SELECT 'delete', number, {words_and_scope("OLD")}
        FROM chat_search_rows WHERE message_id = OLD.id;
"""
    return [
        f"""
    CREATE TRIGGER chat_search_insert AFTER INSERT ON chat_messages
    BEGIN
        INSERT OR REPLACE INTO chat_search_rows (message_id) VALUES (NEW.id);{add}    END
    """,
        f"""
    CREATE TRIGGER chat_search_update AFTER UPDATE OF id, user_id, content, created_at
    ON chat_messages
    WHEN OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
        OR OLD.content IS NOT NEW.content OR OLD.created_at IS NOT NEW.created_at
    BEGIN{remove}
        UPDATE chat_search_rows SET message_id = NEW.id WHERE message_id = OLD.id;{add}    END
    """,
        f"""
    CREATE TRIGGER chat_search_delete AFTER DELETE ON chat_messages
    BEGIN{remove}
        DELETE FROM chat_search_rows WHERE message_id = OLD.id;
    END
    """,
    ]


def rebuild(tokenizer: str, words_and_scope: Callable[[str], str]) -> list[str]:
    """Return the statements that make the full-text table anew and fill it."""
    return [
        "DROP TABLE chat_search",
        f"""
    CREATE VIRTUAL TABLE chat_search USING fts5 (
        words, scope, content='',
        tokenize="{tokenizer}"
    )
    """,
        *triggers(words_and_scope),
        f"""
    INSERT INTO chat_search (rowid, words, scope)
    SELECT number, {words_and_scope("chat_messages")}
    FROM chat_search_rows JOIN chat_messages ON chat_messages.id = message_id ORDER BY number
    """,
    ]


DROP_TRIGGERS = [
    "DROP TRIGGER chat_search_delete",
    "DROP TRIGGER chat_search_update",
    "DROP TRIGGER chat_search_insert",
]
SQLITE = [*DROP_TRIGGERS, *TABLES, *rebuild("ascii", words_and_scope)]

# What 0006 made, for the way back.
OLD_CJK_GLOB = characters(
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
)


def old_words_and_scope(row: str) -> str:
    """Return the SQL for what 0006 found `row` by."""
    text = f"substr({row}.content, 1, {LENGTH})"
    this, pair = "substr(part, place, 1)", "substr(part, place, 2)"
    seconds = f"max(0, COALESCE(CAST(strftime('%s', {row}.created_at) AS INTEGER), 0))"
    owner = f"u' || {row}.user_id"
    return f"""
            CASE WHEN {text} GLOB '*[{OLD_CJK_GLOB}]*' THEN (
                WITH RECURSIVE parts (start, part) AS (
                    SELECT 1, substr({row}.content, 1, 201)
                    UNION ALL
                    SELECT start + 200, substr({row}.content, start + 200, 201) FROM parts
                    WHERE length(part) > 200 AND start < {LENGTH} - 200
                ), places (place) AS (
                    SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 200
                )
                SELECT group_concat(
                    CASE
                        WHEN {this} NOT GLOB '[{OLD_CJK_GLOB}]' THEN {this}
                        WHEN {pair} GLOB '[{OLD_CJK_GLOB}][{OLD_CJK_GLOB}]' THEN ' ' || {pair} || ' '
                        ELSE ' ' || {this} || ' '
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            ) ELSE {text} END,
            '{owner} || ' {owner} || 's' || ({seconds} / 1048576)"""


SQLITE_BACK = [
    *DROP_TRIGGERS,
    *rebuild("unicode61 remove_diacritics 2 categories 'L* Nd'", old_words_and_scope),
    "DROP TABLE chat_search_pairs",
    "DROP TABLE chat_search_separators",
    "DROP TABLE chat_search_letters",
]


class Migration(migrations.Migration):
    dependencies = [("chat", "0012_search_folding")]

    # chat.0006 made the last two; a rollback that passes it passes this migration first.
    derived_tables = (
        "chat_search_letters",
        "chat_search_separators",
        "chat_search_pairs",
        "chat_search",
        "chat_search_rows",
    )

    operations = [
        schema.operations.SQLByVendor(forward={"sqlite": SQLITE}, backward={"sqlite": SQLITE_BACK}),
    ]
