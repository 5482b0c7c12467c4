"""Streaming objects out of JSON, JSONL, CSV and their gzipped forms; memory does not grow with the file."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from precedent.sources.formats.opening import BROKEN, LARGEST_RATIO, READ_BYTES, ExpansionError, open_content
from precedent.sources.formats.tables import read_table
from precedent.sources.formats.values import BYTE_ORDER_MARK, CutError, Values
from precedent.sources.records import RejectedRecord
from precedent.sources.shapes.cleaning import is_suspicious

JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")
SUFFIXES = (".json", *JSON_LINES, *TABLES)
# One JSON object that only wraps the records: Jira's search, Statuspage's feed, a page of values.
ENVELOPES = frozenset({"issues", "incidents", "values", "items", "pull_requests", "commits", "records", "data"})
# An object with one of these before any such list is a record itself.
SIGNS = frozenset({"id", "key", "sha", "fields", "number"})
LIST_OF_OBJECTS = re.compile(rb"\[\s*\{")


@dataclass(frozen=True, slots=True)
class RawObject:
    """An object of a file: `line` counts from 1, in a JSON array it is the position."""

    file: str
    line: int
    value: dict[str, Any]


def data_suffix(path: Path) -> str | None:
    """The suffix that says how to read a file, without `.gz`; None for files that are not data."""
    name = path.name.lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def read_file(path: Path, name: str, max_bytes: int) -> Iterator[RawObject | RejectedRecord]:
    """Every object of a file, or why it could not be read.

    Args:
        path: The file.
        name: What results call it.
        max_bytes: Longer records are rejected without being held in memory.
    """
    suffix = data_suffix(path)
    last = 0
    try:
        with closing(open_content(path)) as handle:
            if suffix in TABLES:
                found = read_table(handle, name, max_bytes, "\t" if suffix == ".tsv" else ",")
                items: Iterator[RawObject | RejectedRecord] = (
                    item if isinstance(item, RejectedRecord) else RawObject(name, *item) for item in found
                )
            elif suffix == ".json":
                items = _read_json(handle, path, name, max_bytes)
            else:
                items = _read_lines(handle, name, max_bytes)
            for item in items:
                last = item.line
                yield item
    except ExpansionError:
        detail = f"The compressed data grow to more than {LARGEST_RATIO} times their size: it is read no further."
        yield RejectedRecord(name, last + 1, "too_large", detail)
    except BROKEN as error:
        yield RejectedRecord(name, last + 1, "truncated_file", f"The compressed data ends or breaks here: {error}.")
    except OSError as error:
        yield RejectedRecord(name, last + 1, "unreadable_file", f"The file cannot be read: {error.strerror}.")


def _read_lines(handle: IO[bytes], name: str, max_bytes: int) -> Iterator[RawObject | RejectedRecord]:
    for number, line in enumerate(_lines(handle, max_bytes), start=1):
        if line is None:
            yield RejectedRecord(name, number, "too_large", f"The record is longer than {max_bytes:,} bytes.")
            continue
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if line.strip():
            yield parse(line, name, number)


def _lines(handle: IO[bytes], max_bytes: int) -> Iterator[bytes | None]:
    """Lines; None for one beyond the limit, whose bytes are skipped, not kept."""
    while line := handle.readline(max_bytes + 1):
        if len(line) <= max_bytes or line.endswith(b"\n"):
            yield line
            continue
        while rest := handle.readline(READ_BYTES):
            if rest.endswith(b"\n"):
                break
        yield None


def parse(raw: bytes, name: str, line: int) -> RawObject | RejectedRecord:
    """One JSON object from its bytes."""
    try:
        # orjson refuses lone surrogates, which real exports hold; the slower parser takes them.
        value = json.loads(raw, parse_constant=_refuse) if is_suspicious(raw) else orjson.loads(raw)
    except UnicodeDecodeError as error:
        return RejectedRecord(name, line, "invalid_utf8", f"Byte {error.start} is not UTF-8.")
    except RecursionError:
        return RejectedRecord(name, line, "invalid_json", "The record is nested too deeply.")
    except ValueError as error:
        if not _is_utf8(raw):
            return RejectedRecord(name, line, "invalid_utf8", "The line is not UTF-8.")
        column = getattr(error, "pos", None)
        where = f" near character {column}" if column is not None else ""
        return RejectedRecord(name, line, "invalid_json", f"The line is not a complete JSON value{where}.")
    if not isinstance(value, dict):
        return RejectedRecord(name, line, "not_an_object", f"The value is a {_json_type(value)}, not an object.")
    return RawObject(name, line, value)


def _read_json(handle: IO[bytes], path: Path, name: str, max_bytes: int) -> Iterator[RawObject | RejectedRecord]:
    """The objects of an array, those of the lists of an envelope, or one object that is a record."""
    with closing(open_content(path)) as first_look:
        envelope = _is_envelope(Values(first_look, max_bytes))
    number = 0
    try:
        for number, found in enumerate(_records(Values(handle, max_bytes), envelope=envelope), start=1):
            yield parse(found, name, number) if isinstance(found, bytes) else RejectedRecord(name, number, *found)
    except CutError:
        detail = "The JSON ends or breaks here; what came before was read."
        yield RejectedRecord(name, number + 1, "truncated_file", detail)


def _is_envelope(values: Values) -> bool:
    """True if the file is an object that only wraps lists of records."""
    try:
        for key in _members(values):
            if key in ENVELOPES and values.peek() == b"[":
                return True
            if key in SIGNS:
                return False
            values.value()
    except CutError:
        pass  # whoever reads the records meets it again, and says so
    return False


def _records(values: Values, *, envelope: bool) -> Iterator[bytes | tuple[str, str]]:
    """The bytes of each record, or a reason and a sentence for what is left out."""
    too_large = ("too_large", f"The record is longer than {values.max_bytes:,} bytes.")
    if envelope:
        for key in _members(values):
            listed = values.peek() == b"["
            if listed and key in ENVELOPES:
                for found in _items(values):
                    yield found or too_large
            elif (found := values.value()) is None or (listed and LIST_OF_OBJECTS.match(found)):
                yield "unknown_list", "A list beside those of records has another name: it is not read."
    elif values.peek() == b"[":
        for found in _items(values):
            yield found or too_large
    elif values.peek():
        yield values.value() or too_large
    if values.peek():
        yield "invalid_json", "There is more behind the end of the JSON: it is not read."


def _members(values: Values) -> Iterator[str]:
    """The keys of the object that begins here; the caller goes past each one's value."""
    if values.peek() != b"{":
        return
    values.take()
    while (mark := values.peek()) != b"}":
        if mark == b",":
            values.take()
            continue
        if mark != b'"':
            raise CutError
        key = values.value() or b""
        if values.peek() != b":":
            raise CutError
        values.take()
        yield key[1:-1].decode(errors="replace")
    values.take()


def _items(values: Values) -> Iterator[bytes | None]:
    """The values of the array that begins here; None for one that is too long."""
    values.take()
    while (mark := values.peek()) != b"]":
        if mark == b",":
            values.take()
        elif mark in {b"", b"}", b":"}:
            raise CutError
        else:
            yield values.value()
    values.take()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _json_type(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
