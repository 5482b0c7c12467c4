"""Rows of CSV and TSV files as objects."""

import csv
import io
from collections.abc import Iterator
from typing import IO

from precedent.sources.records import RejectedRecord

MOST_COLUMNS = 10_000
SKIPPED_CHARACTERS = 1 << 20


class _TooLongError(Exception):
    """A row that is longer than allowed; it has been passed over."""


def read_table(
    handle: IO[bytes], name: str, max_bytes: int, delimiter: str
) -> Iterator[tuple[int, dict[str, str]] | RejectedRecord]:
    """Rows under the names of the first one, with the line that each ends on.

    Bytes that are not UTF-8 become surrogates on the way in, so that only their own row is rejected.

    Args:
        handle: The bytes of the file; closed at the end.
        name: What rejections call it.
        max_bytes: Longer rows are rejected without being held in memory.
        delimiter: What stands between two columns.
    """
    csv.field_size_limit(max(max_bytes, 131_072))
    with io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = _Lines(text, max_bytes)
        reader = csv.reader(lines, delimiter=delimiter)
        header: list[str] | None = None
        while True:
            lines.begin_row()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RejectedRecord(name, lines.number, "invalid_csv", f"The row cannot be read: {error}.")
                continue
            except _TooLongError:
                yield RejectedRecord(name, lines.number, "too_large", f"The row is longer than {max_bytes:,} bytes.")
                continue
            if not row:
                continue
            if header is None:
                if len(row) > MOST_COLUMNS:
                    yield RejectedRecord(name, 1, "wrong_columns", f"The table has more than {MOST_COLUMNS:,} columns.")
                    return
                header = row
                continue
            yield _checked(row, header, name, lines.number)


class _Lines:
    """The lines of a table for a reader that joins those of one row; `number` counts them."""

    def __init__(self, text: io.TextIOWrapper, max_bytes: int) -> None:
        self.number = 0
        self._text = text
        self._max_bytes = max_bytes
        self.begin_row()

    def begin_row(self) -> None:
        """Count the length of a row from here."""
        self._left = self._max_bytes
        self._quotes = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(self._left + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._left -= len(line)
        self._quotes += line.count('"')
        if self._left >= 0:
            return line
        self._skip_row(line)
        raise _TooLongError

    def _skip_row(self, line: str) -> None:
        """Go to the end of a row: of the line on which its last quotation is closed."""
        while line and (self._quotes % 2 or not line.endswith(("\n", "\r"))):
            self.number += line.endswith(("\n", "\r"))
            line = self._text.readline(SKIPPED_CHARACTERS)
            self._quotes += line.count('"')


def _checked(row: list[str], header: list[str], name: str, line: int) -> tuple[int, dict[str, str]] | RejectedRecord:
    if len(row) != len(header):
        detail = f"The row has {len(row)} columns, the header {len(header)}."
        return RejectedRecord(name, line, "wrong_columns", detail)
    if any("\udc80" <= character <= "\udcff" for field in row for character in field):
        return RejectedRecord(name, line, "invalid_utf8", "The row is not UTF-8.")
    return line, dict(zip(header, row, strict=True))
