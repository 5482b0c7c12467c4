"""Rows of CSV and TSV files as objects."""

import csv
import io
from collections.abc import Iterator
from typing import IO

from precedent.sources.records import RejectedRecord


def read_table(
    handle: IO[bytes], name: str, max_bytes: int, delimiter: str
) -> Iterator[tuple[int, dict[str, str]] | RejectedRecord]:
    """Rows under the names of the first one, with the line that each ends on.

    Bytes that are not UTF-8 become surrogates on the way in, so that only their own row is rejected.
    """
    csv.field_size_limit(max(max_bytes, 131_072))
    with io.TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        header: list[str] | None = None
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                line = reader.line_num
                if "field larger" in str(error):
                    yield RejectedRecord(name, line, "too_large", f"A field is longer than {max_bytes:,} bytes.")
                else:
                    yield RejectedRecord(name, line, "invalid_csv", f"The row cannot be read: {error}.")
                continue
            if not row:
                continue
            if header is None:
                header = row
                continue
            yield _checked(row, header, name, reader.line_num, max_bytes)


def _checked(
    row: list[str], header: list[str], name: str, line: int, max_bytes: int
) -> tuple[int, dict[str, str]] | RejectedRecord:
    if len(row) != len(header):
        detail = f"The row has {len(row)} columns, the header {len(header)}."
        return RejectedRecord(name, line, "wrong_columns", detail)
    if any("\udc80" <= character <= "\udcff" for field in row for character in field):
        return RejectedRecord(name, line, "invalid_utf8", "The row is not UTF-8.")
    if sum(map(len, row)) > max_bytes:
        return RejectedRecord(name, line, "too_large", f"The record is longer than {max_bytes:,} bytes.")
    return line, dict(zip(header, row, strict=True))
