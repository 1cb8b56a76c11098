"""Read ZIP files without unpacking more than they may hold."""

from __future__ import annotations

import zipfile
from typing import IO

from uploads.reading import RefusedError

# The bytes that files unpack to, as a multiple of their packed size where it is more than is
# harmless. Deflate itself reaches 1,032; conversations are packed 3 to 20 times.
HARMLESS = 10_000_000
MAX_RATIO = 200
# The list of files is read into memory, where it takes ten times its length. 16 MB hold the
# names of 100,000 threads.
MAX_DIRECTORY = 16_000_000

UNSUPPORTED = "The ZIP file is packed in a way that is not supported."


def opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a file in the archive, unless it is packed in a way without bounds."""
    if member.flag_bits & 1:
        raise RefusedError("The ZIP file is protected by a password.")
    # The other methods may unpack without bound in one step.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedError(UNSUPPORTED)
    return archive.open(member)


class Directory:
    """A ZIP file whose list of files, which is read in one piece, may not exceed `max_read`."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.max_read: int | None = MAX_DIRECTORY
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        if self.max_read is not None and size > self.max_read:
            raise RefusedError("The ZIP file holds too many files.")
        return self.file.read(size)


class Unpacked:
    """A file inside a ZIP file that refuses to unpack to too much."""

    def __init__(self, raw: IO[bytes], member: zipfile.ZipInfo, left: int) -> None:
        self.raw = raw
        self.limit = min(left, max(HARMLESS, member.compress_size * MAX_RATIO))
        self.taken = 0
        self.ahead = b""
        self.is_exceeded = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes."""
        if self.ahead:
            data, self.ahead = self.ahead[:size], self.ahead[size:]
            return data
        data = self.raw.read(size)
        self.taken += len(data)
        if self.taken > self.limit:
            self.is_exceeded = True
            raise RefusedError("The ZIP file unpacks to far more than its size allows.")
        return data

    def unread(self, data: bytes) -> None:
        """Return `data` again from the next read."""
        self.ahead = data
