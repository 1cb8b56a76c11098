"""Reading files of what a person has written."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personas.teaching.readers.files import read
from personas.teaching.readers.packing import LONGEST, packed
from personas.teaching.readers.passages import Passage, unwrapped
from personas.teaching.readers.quotes import own_words, text_of_html
from tests.personas.teaching.files import (
    ANDROID,
    HTML,
    IPHONE,
    MULTIPART,
    OWN_OF_MULTIPART,
    chatgpt,
    mbox,
    zipped,
)
from uploads.reading import RefusedError


def passages(data: bytes, name: str = "file") -> tuple[str, list[tuple[str, str]]]:
    found = read(io.BytesIO(data), name, len(data))
    return found.source, [(one.speaker, one.text) for one in found.passages]


CHAT = [
    ("Alice", "Hey Bob! 😀"),
    ("Bob", "Hi"),
    ("Alice", "To be honest,\nI would rather stay in: too cold"),
    ("Bob", "ok 12:30 then - Alice: right?"),
]


@pytest.mark.parametrize(
    ("data", "name", "source", "expected"),
    [
        (ANDROID.encode(), "a.txt", "whatsapp", CHAT),
        (IPHONE.encode(), "_chat.txt", "whatsapp", CHAT),
        (zipped(_chat__txt=IPHONE.encode()), "a.zip", "whatsapp", CHAT),
        (MULTIPART, "a.eml", "mail", [("alice@example.com", OWN_OF_MULTIPART)]),
        (MULTIPART.replace(b"\n", b"\r\n"), "a", "mail", [("alice@example.com", OWN_OF_MULTIPART)]),
        (
            mbox(MULTIPART, HTML, b"From: bob@x.org\n\nfine\nFrom here on"),
            "a",
            "mail",
            [
                ("alice@example.com", OWN_OF_MULTIPART),
                ("alice@example.com", "See you soon!"),
                ("bob@x.org", "fine\nFrom here on"),
            ],
        ),
        (
            chatgpt("What now?", "And then?"),
            "conversations.json",
            "chatgpt",
            [
                *(("You", "What now?"), ("ChatGPT", "As a model")),
                *(("You", "And then?"), ("ChatGPT", "As a model")),
            ],
        ),
        (zipped(conversations__json=chatgpt("Hm")), "x.zip", "chatgpt", None),
        (
            b"# Title\n\nSome *nice* [link](http://x).\n\n> quoted\n\n```\ncode\n```\nEnd",
            "a.md",
            "text",
            [("", "Title"), ("", "Some nice link."), ("", "End")],
        ),
        (b"\xef\xbb\xbfOne.\r\n\r\nTwo.", "a.txt", "text", [("", "One."), ("", "Two.")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_format_is_read(
    data: bytes, name: str, source: str, expected: list[tuple[str, str]] | None
) -> None:
    found, read_passages = passages(data, name)
    assert found == source
    if expected is not None:
        assert read_passages == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04broken", "broken"),
        (zipped(x__bin=b"x"), "no texts"),
        (zipped(a__txt=b"0" * 30_000_000), "unpacks to far more"),
        (zipped(**{"[Content_Types].xml": b"x"}), "office document"),
        (zipped(a__txt=zipped(b__txt=b"x")), "another ZIP"),
        (b"\x00\x01\x02text", "not text"),
        (b"caf\xe9 at noon", "UTF-8"),
        (b"<!doctype html><p>x", "web page"),
        (b'{"messages": []}', "not an export of ChatGPT"),
        (b'[{"id": 1}]', "not an export of ChatGPT"),
        (b"[" * 100_000, "nested too deeply"),
        (
            b"From: a@b.c\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
            "more than 1,000 parts",
        ),
        (
            b"From: a@b.c\n"
            + b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n)
                for n in range(1_000)
            ),
            "nested more than 30 deep",
        ),
    ],
)
def test_broken_hostile_and_foreign_files_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        passages(data)


@pytest.mark.parametrize(
    "quotation",
    [
        "On Mon, 3 May 2024 at 10:00, Bob <b@x.org> wrote:\n> old",
        "On Mon, 3 May 2024 at 10:00, Bob\n<b@x.org> wrote:\n\n> old",
        "Am 03.05.24 um 10:00 schrieb Bob:\n> old",
        "Le 3 mai 2024 à 10:00, Bob <b@x.org> a écrit :\n> old",
        "-----Original Message-----\nold",
        "________________________________\nFrom: Bob\nold",
        "Von: Bob\nGesendet: Montag\nAn: Alice\nBetreff: x\n\nold",
        "---------- Forwarded message ---------\nFrom: Bob\nold",
        "> old",
        "-- \nAlice Moreau, Director",
    ],
)
def test_quoted_mail_is_left_out(quotation: str) -> None:
    own, left_out = own_words(f"See you on Friday: promised.\n\n{quotation}")
    assert own.splitlines()[0] == "See you on Friday: promised."
    assert "old" not in own
    assert "Director" not in own
    assert left_out


def test_hidden_parts_of_html_are_no_text() -> None:
    html = "<style>p {}</style><p>One<br>two</p><blockquote><p>old</p></blockquote><p>three</p>"
    assert text_of_html(html) == ("One\ntwo\n\nthree", "old")


def test_broken_lines_are_joined_and_short_ones_kept() -> None:
    long = "word " * 14
    assert unwrapped(f"Hi,\n\n{long}\ngoes on\nhere\n\nBye,\nA") == (
        f"Hi,\n\n{long.strip()} goes on\nhere\n\nBye,\nA"
    )


def test_messages_of_a_chat_are_samples_together_and_long_texts_several() -> None:
    chat = [Passage("A", f"message {n} " + "x" * 90, group="1.1.") for n in range(9)]
    samples = list(packed([*chat, Passage("A", "next day", group="2.1."), Passage("A", "?")]))
    assert [text.count("message") for text in samples] == [5, 4, 0]
    parts = list(packed([Passage("A", "A sentence of words. " * 500)]))
    assert max(map(len, parts)) <= LONGEST
    assert " ".join(parts) == ("A sentence of words. " * 500).strip()


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.tuples(
            st.sampled_from(
                [ANDROID.encode(), IPHONE.encode(), MULTIPART, mbox(MULTIPART, HTML), chatgpt("x")]
            ),
            st.integers(0, 900),
            st.binary(max_size=4),
        ).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 2 :]),
    ),
    st.sampled_from(["a.txt", "a.md", "a.eml"]),
)
def test_any_file_is_read_or_refused(data: bytes, name: str) -> None:
    try:
        found = read(io.BytesIO(data), name, len(data))
        texts = list(packed(found.passages))
    except RefusedError:
        return
    assert all(text.strip() and "\0" not in text for text in texts)
