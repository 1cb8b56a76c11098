"""Find what looks like a password, a key or the number of a card or an account."""

from __future__ import annotations

import re
from dataclasses import dataclass

PASSWORD = re.compile(
    r"\b(?:password|passwort|passphrase|passwd|pwd|mot de passe|contraseña|senha|wachtwoord|hasło"
    r"|пароль|密码|パスワード|pin|puk|tan|cvv|cvc)\b"
    r"(?:\s(?:is|ist|est|es|é|lautet))?\s?[:=：]?\s{0,2}[\"'“„»(]?(?P<secret>[^\s\"'”“»),]{4,64})",
    re.IGNORECASE,
)
KEY = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|glpat-[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,})"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
)
NUMBER = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")


@dataclass(frozen=True)
class Secret:
    """Where in a text a secret seems to be: a key, a card, an account or a password."""

    start: int
    end: int
    kind: str


def find(text: str) -> list[Secret]:
    """Return what looks like a secret, in the order of the text."""
    found = [Secret(one.start(), one.end(), "key") for one in KEY.finditer(text)]
    found += [
        Secret(one.start(), one.end(), "card") for one in NUMBER.finditer(text) if is_card(one[0])
    ]
    found += [
        Secret(one.start(), one.end(), "account") for one in IBAN.finditer(text) if is_iban(one[0])
    ]
    found += [
        Secret(one.start("secret"), one.end("secret"), "password")
        for one in PASSWORD.finditer(text)
        if is_password(one["secret"], one[0])
    ]
    return sorted(found, key=lambda secret: (secret.start, -secret.end))


def is_card(number: str) -> bool:
    """Return whether the digits pass the check of card numbers (ISO/IEC 7812-1, annex B)."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    if digits[0] not in {2, 3, 4, 5, 6} or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Return whether the check digits are right (ISO 13616)."""
    plain = number.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return len(plain) >= 15 and int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def is_password(word: str, whole: str) -> bool:
    """Return whether a word after “password” is one, and not the next word of a sentence."""
    if re.match(r"(?:pin|puk|tan|cvv|cvc)\b", whole, re.IGNORECASE):
        return word.rstrip(".!?,;").isdigit()
    has_mark = any(mark in whole for mark in ":=：")
    kinds = [str.isdigit, str.isupper, str.islower, lambda one: not one.isalnum()]
    variety = sum(any(map(kind, word.rstrip(".!?,;"))) for kind in kinds)
    return variety >= 2 or (has_mark and len(word) >= 4 and not word.startswith("http"))
