"""Opening files that strangers wrote: regular files only, and no more of them than is sound."""

import errno
import gzip
import io
import os
import stat
import zlib
from pathlib import Path
from typing import IO

READ_BYTES = 1 << 20
# Exports shrink to a tenth, repetitive ones to a hundredth. What grows further was made to fill a disk or a day.
LARGEST_RATIO = 250
ALWAYS_ALLOWED = 64 << 20
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


class ExpansionError(Exception):
    """Compressed data that grow beyond `LARGEST_RATIO` times their size."""


def open_regular(path: Path) -> io.BufferedReader:
    """A regular file for reading, as it is on disk.

    Raises:
        OSError: it cannot be opened, or is a pipe, socket, device or folder, which might never end.
    """
    # Without O_NONBLOCK to open a pipe waits for its writer.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "It is not a regular file")
    return os.fdopen(number, "rb")


def open_content(path: Path) -> io.BufferedReader:
    """The content of a regular file, decompressed where its name ends in `.gz`.

    Reading raises one of `BROKEN` where the compressed data are damaged, `ExpansionError` where they grow too far.

    Raises:
        OSError: as `open_regular`.
    """
    raw = open_regular(path)
    if not path.name.lower().endswith(".gz"):
        return raw
    largest = max(ALWAYS_ALLOWED, LARGEST_RATIO * os.fstat(raw.fileno()).st_size)
    return io.BufferedReader(_Decompressed(raw, largest), READ_BYTES)


class _Decompressed(io.RawIOBase):
    """Gzip with a bound on what comes out of it; closes the file below."""

    def __init__(self, raw: IO[bytes], largest: int) -> None:
        self._file = raw
        self._content = gzip.GzipFile(fileobj=raw)
        self._left = largest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # typeshed names no type of its own
        part = self._content.read1(len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise ExpansionError
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._content.close()
        self._file.close()
        super().close()
