"""The audit log as a file, written line by line so that memory stays flat."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import orjson

from precedent.access.audit import COLUMNS, Entry


class Form(StrEnum):
    """The form of an export."""

    JSONL = "jsonl"
    CSV = "csv"


def lines(entries: Iterable[Entry], form: Form) -> Iterator[str]:
    """The file's lines, each with its end; of a table the first one names the columns."""
    if form is Form.CSV:
        yield _row(COLUMNS)
    for entry in entries:
        values = [getattr(entry, name) for name in COLUMNS]
        if form is Form.CSV:
            yield _row([_cell(value) for value in values])
        else:
            yield orjson.dumps(dict(zip(COLUMNS, values, strict=True))).decode() + "\n"


def _row(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
