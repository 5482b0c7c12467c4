"""Streaming objects out of JSON, JSONL, CSV and their gzipped forms; memory does not grow with the file."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import ijson
import orjson

from precedent.sources.formats.tables import read_table
from precedent.sources.records import RejectedRecord
from precedent.sources.shapes.cleaning import clean, is_suspicious

JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv")
SUFFIXES = (".json", *JSON_LINES, *TABLES)
# One JSON object that only wraps the records: Jira's search, Statuspage's feed, a page of values.
ENVELOPES = ("issues", "incidents", "values", "items", "pull_requests", "commits", "records", "data")
READ_BYTES = 1 << 20


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
        with closing(_open(path)) as handle:
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
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield RejectedRecord(name, last + 1, "truncated_file", f"The compressed data ends or breaks here: {error}.")
    except OSError as error:
        yield RejectedRecord(name, last + 1, "unreadable_file", f"The file cannot be read: {error.strerror}.")


def _open(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _read_lines(handle: IO[bytes], name: str, max_bytes: int) -> Iterator[RawObject | RejectedRecord]:
    for number, line in enumerate(_lines(handle, max_bytes), start=1):
        if line is None:
            yield RejectedRecord(name, number, "too_large", f"The record is longer than {max_bytes:,} bytes.")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
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
    prefix = _records_prefix(path)
    if prefix is None:
        yield from _whole(handle, name, max_bytes)
        return
    number = 0
    try:
        for value in ijson.items(handle, prefix, use_float=True):
            number += 1
            if not isinstance(value, dict):
                detail = f"The value is a {_json_type(value)}, not an object."
                yield RejectedRecord(name, number, "not_an_object", detail)
            elif len(orjson.dumps(clean(value)[0])) > max_bytes:
                yield RejectedRecord(name, number, "too_large", f"The record is longer than {max_bytes:,} bytes.")
            else:
                yield RawObject(name, number, value)
    except (ijson.JSONError, UnicodeDecodeError, orjson.JSONEncodeError) as error:
        reason = "truncated_file" if "ncomplete" in str(error) or "premature" in str(error) else "invalid_json"
        yield RejectedRecord(name, number + 1, reason, "The JSON ends or breaks here; what came before was read.")


def _records_prefix(path: Path) -> str | None:
    """Where the records are in a JSON file: ijson's prefix, or None for one object that is a record."""
    try:
        with closing(_open(path)) as handle:
            events = ijson.basic_parse(handle)
            first = next(events, (None, None))[0]
            if first == "start_array":
                return "item"
            depth = 0
            key = ""
            for event, value in events:
                if event == "map_key" and depth == 0:
                    key = str(value)
                elif event == "start_array":
                    if depth == 0 and key in ENVELOPES:
                        return f"{key}.item"
                    depth += 1
                elif event == "start_map":
                    depth += 1
                elif event in {"end_array", "end_map"}:
                    depth -= 1
                if depth == 0 and key in {"id", "key", "sha", "fields"}:
                    return None
    except (ijson.JSONError, UnicodeDecodeError, EOFError, zlib.error, OSError):
        return "item"
    return None


def _whole(handle: IO[bytes], name: str, max_bytes: int) -> Iterator[RawObject | RejectedRecord]:
    raw = handle.read(max_bytes + 1)
    if len(raw) > max_bytes:
        yield RejectedRecord(name, 1, "too_large", f"The record is longer than {max_bytes:,} bytes.")
    elif raw.strip():
        yield parse(raw.removeprefix(b"\xef\xbb\xbf"), name, 1)


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
