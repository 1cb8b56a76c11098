"""What is measured on texts, and what looks like a secret in them."""

import pytest

from personas.teaching import secrets
from personas.teaching.habits import habits
from personas.teaching.profile import measure

MAILS = [
    f"Hi {name},\n\nto be honest, I cannot come on {day}. What about the week after that? 😀\n\n"
    "Best,\nAlice"
    for name in ("Bob", "Carol", "Dan")
    for day in ("Monday", "Tuesday")
]


def test_profile_of_mails() -> None:
    found = measure(MAILS)
    assert (found["samples"], found["words"], found["sentences"]) == (6, 108, 30)
    assert found["averageSentence"] == 3.6
    assert sum(found["sentenceLengths"]) == 30
    assert found["openings"] == [["Hi …", 6, [0, 1, 2]]]
    assert found["closings"] == [["Best, Alice", 6, [0, 1, 2]]]
    assert found["emoji"] == [["😀", 6]]
    assert found["emojiShare"] == 1.0
    assert found["languages"] == [["en", 1.0]]
    assert "to be honest" in [text for text, _, _ in found["phrases"]]
    assert found["tone"] == ["informal", "playful", "questioning"]


def test_nothing_is_measured_on_nothing() -> None:
    found = measure([])
    assert (found["samples"], found["phrases"], found["tone"]) == (0, [], [])
    assert habits({"learnt": found}) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Das ist nicht schlimm, ich komme auch noch.", "de"),
        ("C'est très bien, merci pour tout.", "fr"),
        ("今日はとても良い天気です", "ja"),
        ("Это не так просто, как кажется", "ru"),
        ("well this is what they have", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert measure([text])["languages"][0][0] == language


def test_formality_tells_a_letter_from_a_chat() -> None:
    letter = "Dear Sir, furthermore I should like to thank you kindly. Sincerely, A. Moreau"
    chat = "hey dude lol gonna be late haha 😀"
    assert measure([letter])["formality"] > 60 > 40 > measure([chat])["formality"]


def test_what_is_struck_out_is_not_said() -> None:
    found = measure(MAILS)
    said = habits({"learnt": found, "struckOut": ["openings:Hi …", "emoji:share"]})
    assert said == [
        "Your sentences are short: 4 words on average.",
        "You end with: Best, Alice",
        "You write in English.",
    ]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("my card: 4111 1111 1111 1111, ok?", ["card"]),
        ("call 0123 4567 8901 2345", []),
        ("Password: hunter2!", ["password"]),
        ("das Passwort ist Sommer2024", ["password"]),
        ("the password is on the table", []),
        ("the PIN is 1234", ["password"]),
        ("I was spinning: fast", []),
        ("DE89 3704 0044 0532 0130 00", ["account"]),
        ("sk-abcdefghijklmnopqrstuvwx", ["key"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["key"]),
        ("see you at 10:30 on 12.12.2024", []),
    ],
)
def test_secrets_are_found(text: str, kinds: list[str]) -> None:
    assert [secret.kind for secret in secrets.find(text)] == kinds
