"""Files in the real formats, as the programs write them."""

import io
import json
import zipfile

ANDROID = (
    "12/31/23, 9:41\u202fPM - Messages and calls are end-to-end encrypted.\n"
    "12/31/23, 9:41\u202fPM - Alice: Hey Bob! 😀\n"
    "12/31/23, 9:42\u202fPM - Bob: Hi\n"
    "12/31/23, 9:43\u202fPM - Alice: To be honest,\nI would rather stay in: too cold\n"
    "12/31/23, 9:44\u202fPM - Alice: <Media omitted>\n"
    "12/31/23, 9:45\u202fPM - Bob: ok 12:30 then - Alice: right?\n"
)
IPHONE = (
    "\u200e[31.12.23, 21:41:07] Flat: \u200eAlice created this group\n"
    "[31.12.23, 21:41:08] Alice: Hey Bob! 😀\r\n"
    "[31.12.23, 21:42:10] ~\u202fBob: Hi\r\n"
    "[31.12.23, 21:43:11] Alice: To be honest,\nI would rather stay in: too cold\r\n"
    "\u200e[31.12.23, 21:44:00] Alice: \u200eimage omitted\r\n"
    "[31.12.23, 21:45:00] ~\u202fBob: ok 12:30 then - Alice: right?\r\n"
)
MULTIPART = b"""\
Return-Path: <alice@example.com>
From: =?utf-8?q?Alice_M=C3=BCller?= <Alice@Example.com>
To: bob@example.com
Subject: Friday
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

Hi Bob,

I am coming on Friday, it will be nice to see everybody again in the old caf=E9 =
near the station.

Best,
Alice

On Mon, 3 May 2024 at 10:00, Bob <bob@example.com> wrote:
> Are you coming?
> Bob
--inner
Content-Type: text/html; charset="utf-8"

<p>Hi Bob, not this part</p>
--inner--
--outer
Content-Type: text/plain; name="notes.txt"
Content-Disposition: attachment; filename="notes.txt"

Not mine
--outer--
"""
HTML = b"""\
From: alice@example.com
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+U2VlIHlvdSBzb29uITwvcD48ZGl2IGNsYXNzPSJnbWFpbF9xdW90ZSI+Qm9iIHdyb3RlOjxicj5PbGQ8L2Rpdj4=
"""
OWN_OF_MULTIPART = (
    "Hi Bob,\n\nI am coming on Friday, it will be nice to see everybody again in the old café"
    " near the station.\n\nBest,\nAlice"
)


def mbox(*mails: bytes) -> bytes:
    line = b"From alice@example.com Mon May  6 10:00:00 2024\n"
    return b"".join(line + mail.replace(b"\nFrom ", b"\n>From ") + b"\n" for mail in mails)


def chatgpt(*texts: str) -> bytes:
    def node(role: str, text: str, time: float) -> dict[str, object]:
        content = {"content_type": "text", "parts": [text]}
        return {"message": {"author": {"role": role}, "content": content, "create_time": time}}

    mapping = {"root": {"message": None}}
    for number, text in enumerate(texts):
        mapping[f"q{number}"] = node("user", text, number)  # type: ignore[assignment]
        mapping[f"a{number}"] = node("assistant", "As a model", number + 0.5)  # type: ignore[assignment]
    return json.dumps([{"title": "Plans", "mapping": mapping}]).encode()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()
