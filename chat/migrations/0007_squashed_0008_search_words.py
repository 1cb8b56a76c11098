"""Search by words that our own rules cut, on PostgreSQL.

The first form of the search index, `chat_messages_search_idx`, used PostgreSQL's text search
parser. Parsing took three times as long, and the parser has its own idea of hosts, paths and
numbers. This migration builds new functions and a new index while people write and search, then
drops the function of the first form, and its index where it exists. A server process of an
earlier release cannot search after that until it is restarted.

The words are those that `chat.search` makes of a query: runs of letters and digits in lower
case, Latin letters without accents; Chinese, Japanese and Korean text as pairs of neighbouring
characters, plus its last character. The first 50,000 characters of a text are indexed: a
tsvector is limited to one megabyte, and no insert may fail because of it. The index stores no
positions, so phrases are compared with the words themselves. Beside the words it holds the
message's user, and the user with the period of about twelve days (2^20 seconds) in which the
message was written, which lets a search read recent messages alone.

Releases before this one had two migrations in its place, `0007_search_index` and
`0008_search_words`. A database that recorded the second has everything that this migration makes.
A database that recorded the first alone has the first form of the index: this migration replaces
it. `0010` removes the first one's record.
"""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

import schema.operations

LENGTH = 50_000
# Kana, Han with its extensions, Hangul, as PostgreSQL's regular expressions write the set.
CJK = (
    r"\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\U00020000-\U0003134f"
)
# Signs outside ASCII, named one by one: what counts as a letter differs between the locales
# a server may have been set up with.
SIGNS = (
    r"\u037e\u0387\u055a-\u055f\u0589\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f\u066a-\u066d"
    r"\u06d4\u0964\u0965\u0e5a\u0e5b\u104a\u104b\u1362-\u1368\u17d4-\u17da"
    r"\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u2bff"
    r"\u3000-\u3004\u3008-\u3030\u303d-\u303f\u30a0\u30fb\ue000-\uf8ff\ufe00-\ufe0f"
    r"\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"
    r"\U0001f000-\U0001faff\U000e0000-\U000e0fff"
)
# Capitals, accents taken off, for servers whose locale lowers ASCII only. ASCII itself is
# lowered by "C": a Turkish locale would make another letter of I.
CAPITALS = (
    "ÆØÞÐĐŁŒΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
    "ԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖ"
)

# Whatever stands between two words, more than a single blank.
GAP = r" *[^ a-z0-9\u0080-\U0010ffff][^a-z0-9\u0080-\U0010ffff]*|  +"
# Longer ones array_to_tsvector refuses, in bytes.
LONGEST_WORD = 2046

# The words of `said` one after the other, a blank between them. They are cut by these rules
# alone and not by a parser of the server's, which knows hosts, paths and signed numbers,
# differs between locales, and takes three times as long.
WORDS = rf"""
        words text := said;
    BEGIN
        IF octet_length(words) > {LENGTH} THEN
            words := left(words, {LENGTH});
        END IF;
        IF octet_length(words) <> length(words) THEN
            words := normalize(words, NFD);
            words := regexp_replace(words, '([A-Za-z])[\u0300-\u036f]+', '\1', 'g');
            IF words ~ '[{CAPITALS}]' THEN
                words := translate(words, '{CAPITALS}', '{CAPITALS.lower()}');
            END IF;
            words := left(normalize(words, NFC), {LENGTH});
            words := regexp_replace(words, '[{SIGNS}]+', ' ', 'g');
            words := lower(lower(words COLLATE "C") COLLATE "default");
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
        words := lower(words COLLATE "C");
        words := btrim(regexp_replace(words, '{GAP}', ' ', 'g'));
"""
# The first says which message may hold a phrase's words, the second whether they stand next to
# each other. Neither calls the other: indexes are built, and dumps restored, with an empty
# search_path. `@` starts the lexemes that are no words, so that no text can imitate them. The
# low COST keeps the planner from starting parallel workers, which takes longer than a search.
FUNCTIONS = [
    f"""
    CREATE OR REPLACE FUNCTION chat_search_lexemes(owner uuid, said_at timestamptz, said text)
    RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 30 AS $$
    DECLARE
        list text[];
        seconds float8 := greatest(0, date_part('epoch', said_at AT TIME ZONE 'UTC'));{WORDS}
        list := string_to_array(words, ' ');
        IF octet_length(words) > {LONGEST_WORD} THEN
            list := array(
                SELECT word FROM unnest(list) AS word WHERE octet_length(word) <= {LONGEST_WORD}
            );
        END IF;
        RETURN array_to_tsvector(list || ARRAY[
            '@' || owner,
            '@' || owner || '+' || floor(seconds / 1048576)
        ]);
    END
    $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION chat_search_words(said text)
    RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 30 AS $$
    DECLARE{WORDS}
        RETURN words;
    END
    $$
    """,
]
FUNCTIONS_BACK = [
    "DROP FUNCTION IF EXISTS chat_search_words(text)",
    "DROP FUNCTION IF EXISTS chat_search_lexemes(uuid, timestamptz, text)",
]

OLD_SIGNS = (
    r"\u0080-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u2bff"
    r"\u3000-\u3004\u3008-\u3030\u303d-\u303f\u30a0\u30fb\ue000-\uf8ff\ufe00-\ufe0f"
    r"\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"
    r"\U0001f000-\U0001faff\U000e0000-\U000e0fff"
)
OLD_CAPITALS = "ÆØÞÐĐŁŒΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
OLD_FUNCTION = ["DROP FUNCTION IF EXISTS chat_search_document(uuid, timestamptz, text)"]
OLD_FUNCTION_BACK = [
    rf"""
    CREATE OR REPLACE FUNCTION chat_search_document(owner uuid, said_at timestamptz, said text)
    RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    DECLARE
        words text := left(said, {LENGTH});
        seconds float8 := greatest(0, date_part('epoch', said_at AT TIME ZONE 'UTC'));
    BEGIN
        IF octet_length(words) <> length(words) THEN
            words := normalize(words, NFD);
            words := regexp_replace(words, '([A-Za-z])[\u0300-\u036f]+', '\1', 'g');
            words := left(normalize(words, NFC), {LENGTH});
            words := regexp_replace(words, '[{OLD_SIGNS}]+', ' ', 'g');
            IF words ~ '[{OLD_CAPITALS}]' THEN
                words := translate(words, '{OLD_CAPITALS}', '{OLD_CAPITALS.lower()}');
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


def index(name: str, function: str) -> GinIndex:
    """Return an index without a pending list, which every search would have to read."""
    lexemes = models.Func("user", "created_at", "content", function=function)
    return GinIndex(lexemes, name=name, fastupdate=False)


class DropFirstIndex(schema.operations.RemovePostgreSQLIndexOnline):
    """Drop the index of the first form; the way back does not need it."""

    def database_backwards(self, *args: object) -> None:
        """Leave it dropped: `0006_search_document` makes no index."""


class Migration(migrations.Migration):
    # An index can be built concurrently only outside a transaction.
    atomic = False

    replaces = [("chat", "0008_search_words")]

    dependencies = [("chat", "0006_search_document")]

    # This file imported the two that it replaces; what it makes is the same.
    former_checksums = ("43e910ec063472e4a1626142ce0ae5ac1753ef1fc829209ce5738048420496ca",)

    operations = [
        schema.operations.RerunnableSQL(
            forward={"postgresql": FUNCTIONS}, backward={"postgresql": FUNCTIONS_BACK}
        ),
        schema.operations.AddPostgreSQLIndexOnline(
            model_name="chatmessage",
            index=index("chat_messages_words_idx", "chat_search_lexemes"),
        ),
        DropFirstIndex(
            model_name="chatmessage",
            index=index("chat_messages_search_idx", "chat_search_document"),
        ),
        schema.operations.RerunnableSQL(
            forward={"postgresql": OLD_FUNCTION}, backward={"postgresql": OLD_FUNCTION_BACK}
        ),
    ]
