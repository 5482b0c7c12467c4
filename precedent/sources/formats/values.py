"""Cutting the values of a JSON array or object out of a stream of bytes, without holding more than one of them.

Nothing is parsed here: a value ends where its brackets do. What is wrong within one costs the others nothing.
"""

import re
from typing import IO

READ_BYTES = 1 << 20
_SPACE = re.compile(rb"[ \t\r\n]*+")
# Brackets by whole runs, or a file of nothing else would take minutes.
_MARK = re.compile(rb'"|[\[{]++|[\]}]++')
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]*")
QUOTE = ord('"')
OPENING = b"[{"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class CutError(Exception):
    """The bytes end within a value."""


class Values:
    """A stream of JSON that is walked value by value.

    Args:
        handle: The bytes.
        max_bytes: Longer values are passed over.
    """

    def __init__(self, handle: IO[bytes], max_bytes: int) -> None:
        self._handle = handle
        self.max_bytes = max_bytes
        self._buffer = b""
        self._place = 0
        self._start = 0  # where the part of the value in the buffer begins
        self._length = 0
        self._parts: list[bytes] = []
        self._fill()
        if self._buffer.startswith(BYTE_ORDER_MARK):
            self._place = len(BYTE_ORDER_MARK)

    def peek(self) -> bytes:
        """The next byte that is not white space; b"" at the end."""
        while True:
            self._place = _SPACE.match(self._buffer, self._place).end()  # type: ignore[union-attr]  # it matches nothing
            if self._place < len(self._buffer):
                return self._buffer[self._place : self._place + 1]
            if not self._fill():
                return b""

    def take(self) -> None:
        """Go past the byte that was peeked."""
        self._place += 1

    def value(self) -> bytes | None:
        """The bytes of the value that begins here, and go past it; None for one that is longer than allowed.

        Raises:
            CutError: the stream ends within it.
        """
        starts_with = self.peek()
        self._parts.clear()
        self._length, self._start = 0, self._place
        if starts_with in {b"[", b"{", b'"'}:
            self._balanced()
        else:
            self._scalar()
        self._keep(self._place)
        return b"".join(self._parts) if self._length <= self.max_bytes else None

    def _balanced(self) -> None:
        depth = 0
        quoted = False
        while True:
            if quoted:
                end = _IN_STRING.match(self._buffer, self._place).end()  # type: ignore[union-attr]  # it matches nothing
                # Without a quote here the buffer ends within the string, perhaps within an escape.
                if self._buffer[end : end + 1] != b'"':
                    self._go_on_behind(end)
                    continue
                self._place = end + 1
                quoted = False
            else:
                match = _MARK.search(self._buffer, self._place)
                if match is None:
                    self._go_on_behind(len(self._buffer))
                    continue
                self._place = match.end()
                mark = self._buffer[match.start()]
                if mark == QUOTE:
                    quoted = True
                    continue
                if mark in OPENING:
                    depth += match.end() - match.start()
                else:
                    closed = min(depth, match.end() - match.start())
                    self._place = match.start() + closed
                    depth -= closed
            if depth == 0:
                return

    def _scalar(self) -> None:
        while True:
            end = _SCALAR.match(self._buffer, self._place).end()  # type: ignore[union-attr]  # it matches nothing
            if end < len(self._buffer):
                self._place = end
                return
            self._go_on_behind(end)

    def _go_on_behind(self, end: int) -> None:
        self._keep(end)
        self._place = end
        if not self._fill():
            raise CutError
        self._start = 0

    def _keep(self, end: int) -> None:
        """Keep what was read of the value, unless it is too long."""
        self._length += end - self._start
        if self._length > self.max_bytes:
            self._parts.clear()
        else:
            self._parts.append(self._buffer[self._start : end])

    def _fill(self) -> bool:
        """Read on behind what is left; false at the end."""
        part = self._handle.read(READ_BYTES)
        self._buffer = self._buffer[self._place :] + part
        self._place = 0
        return bool(part)
