"""Search, first half: which words a message is found by.

PostgreSQL gets a function; the next migration indexes what it returns, so no column is added
and no row is rewritten. SQLite gets a full-text table kept by triggers. Either way the
database itself does it, and a row is found whoever wrote it.

Both make the same words of a text, those `chat.search.text` makes of a query: runs of letters
and digits, in lower case, Latin letters without their accents; Chinese, Japanese and Korean
runs as every two neighbouring characters and the last one by itself. A text is found by its
first 50,000 characters: a tsvector may not pass a megabyte, and no insert may fail over it.
Beside the words stand the message's user, and the user with the span of about twelve days
(2^20 seconds) the message was written in, which lets a search look at recent messages alone.
"""

from django.db import migrations

import schema.operations

LENGTH = 50_000
# Kana, Han with its extensions, Hangul: as PostgreSQL's regular expressions and SQLite's GLOB
# write the set.
CJK = (
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
)
CJK_GLOB = CJK.encode().decode("unicode_escape")
# Signs outside ASCII, named one by one: what counts as a letter differs between the locales
# a server may have been set up with.
SIGNS = (
    r"\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u2bff"
    r"\u3000-\u3004\u3008-\u3030\u303d-\u303f\u30a0\u30fb\ue000-\uf8ff\ufe00-\ufe0f"
    r"\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"
    r"\U0001f000-\U0001faff\U000e0000-\U000e0fff"
)
# Capitals without an accent to take off, for servers whose locale lowers ASCII only.
CAPITALS = "ÆØÞÐĐŁŒΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"

# The function names only what pg_catalog has: a restored dump builds the index with an empty
# search_path. `-./:<@_&+` is what to_tsvector's parser would make paths, hosts, addresses,
# tags and signed numbers of; as blanks they leave plain words. `@` starts the lexemes that are
# no words, so that no text can imitate them.
POSTGRESQL = [
    rf"""
    CREATE FUNCTION chat_search_document(owner uuid, said_at timestamptz, said text)
    RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    DECLARE
        words text := left(said, {LENGTH});
        seconds float8 := greatest(0, date_part('epoch', said_at AT TIME ZONE 'UTC'));
    BEGIN
        IF octet_length(words) <> length(words) THEN
            words := normalize(words, NFD);
            words := regexp_replace(words, '([A-Za-z])[\u0300-\u036f]+', '\1', 'g');
            words := left(normalize(words, NFC), {LENGTH});
            words := regexp_replace(words, '[{SIGNS}]+', ' ', 'g');
            IF words ~ '[{CAPITALS}]' THEN
                words := translate(words, '{CAPITALS}', '{CAPITALS.lower()}');
            END IF;
            IF words ~ '[{CJK}]' THEN
                words := regexp_replace(words, '([{CJK}]{{1,2}})', ' \1 ', 'g') || ' '
                    || regexp_replace(
                        regexp_replace(
                            regexp_replace(words, '[^{CJK}]+', ' ', 'g'), '(^| )[^ ]', ' ', 'g'
                        ),
                        '([^ ]{{1,2}})', ' \1 ', 'g'
                    );
            END IF;
        END IF;
        words := lower(regexp_replace(words, '[-./:<@_&+]+', ' ', 'g') COLLATE "C");
        RETURN to_tsvector('pg_catalog.simple', words) || array_to_tsvector(ARRAY[
            '@' || owner,
            '@' || owner || '+' || floor(seconds / 1048576)
        ]);
    END
    $$
    """,
]
POSTGRESQL_BACK = ["DROP FUNCTION chat_search_document(uuid, timestamptz, text)"]


def sqlite_words(row: str) -> str:
    """Return the SQL for what `row` is found by, as the values of `words` and `scope`.

    Characters are taken apart 200 at a time, since reaching the n-th takes n steps.
    """
    text = f"substr({row}.content, 1, {LENGTH})"
    this, pair = "substr(part, place, 1)", "substr(part, place, 2)"
    seconds = f"max(0, COALESCE(CAST(strftime('%s', {row}.created_at) AS INTEGER), 0))"
    owner = f"u' || {row}.user_id"
    return f"""
            CASE WHEN {text} GLOB '*[{CJK_GLOB}]*' THEN (
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
                        WHEN {this} NOT GLOB '[{CJK_GLOB}]' THEN {this}
                        WHEN {pair} GLOB '[{CJK_GLOB}][{CJK_GLOB}]' THEN ' ' || {pair} || ' '
                        ELSE ' ' || {this} || ' '
                    END, '')
                FROM parts CROSS JOIN places WHERE place <= length(part)
            ) ELSE {text} END,
            '{owner} || ' {owner} || 's' || ({seconds} / 1048576)"""


SQLITE_ADD = f"""
        INSERT INTO chat_search (rowid, words, scope)
        SELECT number, {sqlite_words("NEW")}
        FROM chat_search_rows WHERE message_id = NEW.id;
"""
SQLITE_REMOVE = f"""
        INSERT INTO chat_search (chat_search, rowid, words, scope)
        SELECT 'delete', number, {sqlite_words("OLD")}
        FROM chat_search_rows WHERE message_id = OLD.id;
"""
# The full-text table keeps no copy of the texts; it is told the old one to forget it. The
# numbers are a table of their own because VACUUM may renumber the rows of chat_messages, and
# never come again: what INSERT OR REPLACE left behind then leads to no message.
SQLITE = [
    """
    CREATE TABLE chat_search_rows (
        number integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        message_id char(32) NOT NULL UNIQUE
    )
    """,
    """
    CREATE VIRTUAL TABLE chat_search USING fts5 (
        words, scope, content='',
        tokenize="unicode61 remove_diacritics 2 categories 'L* Nd'"
    )
    """,
    f"""
    CREATE TRIGGER chat_search_insert AFTER INSERT ON chat_messages
    BEGIN
        INSERT OR REPLACE INTO chat_search_rows (message_id) VALUES (NEW.id);{SQLITE_ADD}    END
    """,
    f"""
    CREATE TRIGGER chat_search_update AFTER UPDATE OF id, user_id, content, created_at
    ON chat_messages
    WHEN OLD.id IS NOT NEW.id OR OLD.user_id IS NOT NEW.user_id
        OR OLD.content IS NOT NEW.content OR OLD.created_at IS NOT NEW.created_at
    BEGIN{SQLITE_REMOVE}
        UPDATE chat_search_rows SET message_id = NEW.id WHERE message_id = OLD.id;{SQLITE_ADD}    END
    """,
    f"""
    CREATE TRIGGER chat_search_delete AFTER DELETE ON chat_messages
    BEGIN{SQLITE_REMOVE}
        DELETE FROM chat_search_rows WHERE message_id = OLD.id;
    END
    """,
    "INSERT INTO chat_search_rows (message_id) SELECT id FROM chat_messages ORDER BY created_at",
    f"""
    INSERT INTO chat_search (rowid, words, scope)
    SELECT number, {sqlite_words("chat_messages")}
    FROM chat_search_rows JOIN chat_messages ON chat_messages.id = message_id ORDER BY number
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER chat_search_delete",
    "DROP TRIGGER chat_search_update",
    "DROP TRIGGER chat_search_insert",
    "DROP TABLE chat_search",
    "DROP TABLE chat_search_rows",
]


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_replies"), ("threads", "0002_organising")]

    operations = [
        schema.operations.SQLByVendor(
            forward={"postgresql": POSTGRESQL, "sqlite": SQLITE},
            backward={"postgresql": POSTGRESQL_BACK, "sqlite": SQLITE_BACK},
        ),
    ]
