"""Read untrusted JSON in parts and within limits."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any, NoReturn

# The largest value in a file (a conversation, a message), in characters. A value has to fit into
# memory several times.
MAX_VALUE = 32_000_000
# How many commas one such value may hold, so how many keys and elements. They are counted before
# it is decoded, because a short text may become objects of many times its size.
MAX_PARTS = 2_000_000
# How many keys the outermost object may have.
MAX_MEMBERS = 500_000
CHUNK = 256 * 1024
BLANKS = re.compile(r"[ \t\r\n]*")


class RefusedError(Exception):
    """The file cannot be used. The message tells the person why."""


class JSONStream:
    """Read JSON value by value, so that a long list is never in memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.decode = codecs.getincrementaldecoder("utf-8-sig")(errors="strict")
        self.decoder = json.JSONDecoder(parse_constant=refuse_constant)
        self.buffer = ""
        self.place = 0
        self.ended = False

    def peek(self) -> str:
        """Return the next character that is not blank; an empty string at the end."""
        while True:
            blanks = BLANKS.match(self.buffer, self.place)
            self.place = blanks.end() if blanks else self.place
            if self.place < len(self.buffer):
                return self.buffer[self.place]
            if not self._read(CHUNK):
                return ""

    def expect(self, wanted: str) -> None:
        """Read the character `wanted`; raise RefusedError for another one."""
        found = self.peek()
        if found != wanted:
            where = f"“{found}”" if found else "the end of the file"
            raise RefusedError(
                f"The file is not complete JSON: it has {where} in place of {wanted}."
            )
        self.place += 1

    def value(self) -> Any:
        """Read one value."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.place)
            except json.JSONDecodeError as error:
                # Incomplete text fails near its end, or at the start of its last string.
                cut = error.pos > len(self.buffer) - 20 or error.msg.startswith("Unterminated")
                if not cut or not self._read(max(CHUNK, len(self.buffer) - self.place)):
                    raise RefusedError(f"The file is not JSON: {error.msg}.") from None
            except RecursionError:
                raise RefusedError("The file is nested too deeply.") from None
            except ValueError:
                raise RefusedError("The file holds a number with thousands of digits.") from None
            else:
                # A number may continue in the next chunk.
                if end < len(self.buffer) or not self._read(CHUNK):
                    self.place = end
                    return value

    def elements(self) -> Iterator[Any]:
        """Read a list, one element at a time."""
        self.expect("[")
        if self.peek() == "]":
            self.expect("]")
            return
        while True:
            yield self.value()
            if self.peek() != ",":
                break
            self.expect(",")
        self.expect("]")

    def members(self) -> Iterator[str]:
        """Read an object's keys. Read each value before the next key."""
        self.expect("{")
        count = 0
        if self.peek() == "}":
            self.expect("}")
            return
        while True:
            if self.peek() != '"':
                self.expect('"')
            key = self.value()
            self.expect(":")
            count += 1
            if count > MAX_MEMBERS:
                raise RefusedError(f"The file has more than {MAX_MEMBERS:,} keys.")
            yield key
            if self.peek() != ",":
                break
            self.expect(",")
        self.expect("}")

    def end(self) -> None:
        """Raise RefusedError if anything follows."""
        if self.peek():
            raise RefusedError("The JSON is followed by something else.")

    def _read(self, size: int) -> bool:
        if self.ended:
            return False
        if len(self.buffer) - self.place > MAX_VALUE:
            raise RefusedError(f"One value in the file is longer than {MAX_VALUE:,} characters.")
        data = self.file.read(size)
        self.ended = not data
        try:
            text = self.decode.decode(data, final=self.ended)
        except UnicodeDecodeError:
            raise RefusedError("The file is not text in UTF-8.") from None
        self.buffer = self.buffer[self.place :] + text
        self.place = 0
        # What is longer than two chunks is one value, of which only a part has been read yet.
        if len(self.buffer) > 2 * CHUNK and self.buffer.count(",") > MAX_PARTS:
            raise RefusedError(f"One value in the file has more than {MAX_PARTS:,} parts.")
        return bool(text) or not self.ended


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise RefusedError(f"The file is not JSON: it holds {name}.")
