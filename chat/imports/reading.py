"""Reading files that nobody vouches for: in pieces, within limits, or not at all."""

import codecs
import datetime
import json
import re
from collections.abc import Iterator
from typing import IO, Any, NoReturn

# The largest file that is taken in, and the largest single thing in it (a conversation, a
# message), in bytes and characters; a thing has to fit into memory several times over.
LARGEST_FILE = 1_000_000_000
LARGEST_VALUE = 32_000_000
PIECE = 256 * 1024
# More seconds than any year before 3000 has since 1970: the number counts something smaller.
FAR = 32_503_680_000
UTC = datetime.UTC
BLANKS = re.compile(r"[ \t\r\n]*")


class RefusedError(Exception):
    """The file cannot be taken in; the text says why, to the person."""


class JSONStream:
    """JSON that is read value by value, so that a long list never is in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.decode = codecs.getincrementaldecoder("utf-8-sig")(errors="strict")
        self.decoder = json.JSONDecoder(parse_constant=refuse_constant)
        self.buffer = ""
        self.place = 0
        self.ended = False

    def peek(self) -> str:
        """Return the next character that is not blank, or nothing at the end."""
        while True:
            blanks = BLANKS.match(self.buffer, self.place)
            self.place = blanks.end() if blanks else self.place
            if self.place < len(self.buffer):
                return self.buffer[self.place]
            if not self._read(PIECE):
                return ""

    def take(self, wanted: str) -> None:
        """Read one character, which has to be this one."""
        found = self.peek()
        if found != wanted:
            where = f"“{found}”" if found else "the end of the file"
            raise RefusedError(
                f"The file is not complete JSON: {where} stands where {wanted} should."
            )
        self.place += 1

    def value(self) -> Any:
        """Read one value whole."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.place)
            except json.JSONDecodeError as error:
                # A text that only stops too early complains of its end, or of a string's start.
                cut = error.pos > len(self.buffer) - 20 or error.msg.startswith("Unterminated")
                if not cut or not self._read(max(PIECE, len(self.buffer) - self.place)):
                    raise RefusedError(f"The file is not JSON: {error.msg}.") from None
            except RecursionError:
                raise RefusedError("The file is nested too deeply.") from None
            except ValueError:
                raise RefusedError("The file holds a number of thousands of digits.") from None
            else:
                # A number may go on in the next piece.
                if end < len(self.buffer) or not self._read(PIECE):
                    self.place = end
                    return value

    def elements(self) -> Iterator[Any]:
        """Read a list, one element at a time."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.peek() != ",":
                break
            self.take(",")
        self.take("]")

    def members(self) -> Iterator[str]:
        """Read an object's keys; each value has to be read before the next key is."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        while True:
            if self.peek() != '"':
                self.take('"')
            key = self.value()
            self.take(":")
            yield key
            if self.peek() != ",":
                break
            self.take(",")
        self.take("}")

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise RefusedError("Something follows after the end of the JSON.")

    def _read(self, size: int) -> bool:
        if self.ended:
            return False
        if len(self.buffer) - self.place > LARGEST_VALUE:
            raise RefusedError(
                f"One thing in the file is larger than {LARGEST_VALUE:,} characters."
            )
        data = self.file.read(size)
        self.ended = not data
        try:
            text = self.decode.decode(data, final=self.ended)
        except UnicodeDecodeError:
            raise RefusedError("The file is not text in UTF-8.") from None
        self.buffer = self.buffer[self.place :] + text
        self.place = 0
        return bool(text) or not self.ended


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise RefusedError(f"The file is not JSON: it holds {name}.")


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return `value` if it is an object."""
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is not an object.")
    return value


def text(value: Any, what: str, longest: int | None = None) -> str:
    """Return `value` if it is a text that a database can hold."""
    if not isinstance(value, str):
        raise RefusedError(f"{what} is not a text.")
    if "\0" in value:
        raise RefusedError(f"{what} holds a NUL character, which no database takes.")
    if longest and len(value) > longest:
        raise RefusedError(f"{what} is longer than {longest} characters.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RefusedError(f"{what} holds half a character.") from None
    return value


def moment(value: Any) -> datetime.datetime | None:
    """Return the moment another program wrote; None for anything else or far off.

    Seconds, milliseconds, microseconds or nanoseconds since 1970, as a number or its digits,
    or ISO 8601; without a time zone, UTC.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
        for _ in range(3):
            seconds /= 1_000 if seconds > FAR else 1
        return _near(datetime.datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError):
        return None


def _iso(written: str) -> datetime.datetime | None:
    try:
        found = datetime.datetime.fromisoformat(written)
        return _near(found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))
    except (OverflowError, ValueError):
        return None


def _near(found: datetime.datetime) -> datetime.datetime | None:
    return found if 1969 < found.year < 3000 else None
