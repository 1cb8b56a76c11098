"""Words of texts, as Python and the database's index have them."""

import unicodedata
from importlib import import_module

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chat.models import ChatMessage
from chat.search import text
from tests.factories import make_message, make_thread, make_user
from users.models import User

MIGRATIONS = (
    "0012_search_folding",
    "0013_search_folding_sqlite",
    "0014_search_folding_speed",
)
# Samples of scripts and of what joins, folds or separates.
SAMPLES = (
    "Ааёйў Ωάςσ Łłđøßæœþðħŧıİẞ ＡＺｚ０ ﬁﬂﬃ ﷺ ĳǅŀ ªº²½Ⅳ ™℃№ 한글ㅋㅏ 漢字北京々〇 かがゞアガーｶﾞﾊﾟ゙゚ "
    "ภาษาไทยกำ ພາສາລາວ မြန်မာ ភាសាខ្មែរ नमस्ते कড় আমি ো தமிழ் ാ العَرَبِيَّة آأإؤئ שָׁלוֹם 𝐀𝛁𝟘 🎉👩🏽‍💻❤️ "
    "é\u0301\u0327\u0308\u0323 “”’—…·、。，！ _-./:@'\"\\ \t\n aZ09"
)


def clusters(content: str) -> list[str]:
    """Split a text before each character that is no mark."""
    found: list[str] = []
    for character in content:
        if found and (unicodedata.category(character)[0] == "M" or character in "ﾞﾟ"):
            found[-1] += character
        else:
            found.append(character)
    return found


def in_index(message: ChatMessage) -> set[str]:
    """Return the words that the index holds of a message."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT unnest(tsvector_to_array(chat_search_tokens(user_id, created_at, content)))"
                " FROM chat_messages WHERE id = %s",
                [message.pk],
            )
            return {word for (word,) in cursor.fetchall() if not word.startswith("@")}
        cursor.execute("DROP TABLE IF EXISTS temp.terms")
        cursor.execute(
            "CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'chat_search', 'instance')"
        )
        cursor.execute(
            "SELECT term FROM temp.terms WHERE col = 'words' AND doc ="
            " (SELECT number FROM chat_search_rows WHERE message_id = %s)",
            [message.pk.hex],
        )
        return {word for (word,) in cursor.fetchall()}


def in_python(content: str) -> set[str]:
    """Return the words that the index should hold of a text."""
    words: set[str] = set()
    for run in text.words(content):
        is_unspaced = text.IS_UNSPACED.match(run)
        words |= {*text.bigrams(run), run[-1]} if is_unspaced else {run}
    return words


@pytest.mark.django_db
@pytest.mark.engines("sqlite", "postgresql", "older")
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(content=st.lists(st.sampled_from(sorted(set(clusters(SAMPLES))))).map("".join))
@example(content=SAMPLES)
@example(content=SAMPLES[::-1])
@example(content="Ünï" * 150)
def test_index_holds_the_words_that_python_finds(content: str) -> None:
    content = unicodedata.normalize("NFC", content)  # SQLite cannot compose Hangul
    alice = User.objects.filter(email="alice@example.com").first() or make_user()
    message = make_message(make_thread(alice), content)
    assert in_index(message) == in_python(content)


@pytest.mark.django_db
def test_index_folds_each_character_as_python_does() -> None:
    assigned = [
        character
        for character in map(chr, range(0x80, 0x30000))
        if unicodedata.category(character) not in {"Cs", "Cn", "Co"}
        and not text.JAMO[0] <= character <= text.JAMO[-1]
        and not "\u1100" <= character <= "\u11ff"
        and not "\u4e00" <= character <= "\ud7a3"
    ]
    alice = make_user()
    thread = make_thread(alice)
    wrong = []
    for start in range(0, len(assigned), 2_000):
        content = " a".join(assigned[start : start + 2_000])
        found, expected = in_index(make_message(thread, content)), in_python(content)
        wrong += sorted(found ^ expected)
    # PostgreSQL's and Python's versions of Unicode differ in what was added lately.
    assert len(wrong) <= 250, wrong


def test_folding_twice_changes_nothing() -> None:
    for character in SAMPLES:
        folded = text.fold(character)
        assert text.fold(folded) == folded


@pytest.mark.parametrize("name", MIGRATIONS)
@pytest.mark.parametrize("constant", ["SEPARATORS", "MARKS", "UNSPACED", "LETTERS", "LIGATURES"])
def test_migrations_use_the_same_sets(name: str, constant: str) -> None:
    migration = import_module(f"chat.migrations.{name}")
    assert getattr(migration, constant) == getattr(text, constant)
