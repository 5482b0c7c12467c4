"""The one place where an object of a source becomes a record, or is rejected with a reason."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.cleaning import clean, is_suspicious
from precedent.sources.shapes.fields import UnreadableError


def guarded(
    read: Callable[[dict[str, Any]], RawRecord], value: object, file: str, line: int
) -> RawRecord | RejectedRecord:
    """The record of an object, or why it has none.

    Args:
        read: Makes the record of a clean payload; raises UnreadableError.
        value: What the source gave.
        file: Where it stands, for a rejection: a file, or the stream of a server.
        line: Its place there, from 1.
    """
    if not isinstance(value, dict):
        return RejectedRecord(file, line, "not_an_object", "The value is not an object.")
    payload, notes = clean(value) if _is_unclean(value) else (value, ())
    try:
        record = read(payload)
    except UnreadableError as error:
        return RejectedRecord(file, line, error.reason, error.detail)
    return replace(record, notes=notes) if notes else record


def _is_unclean(payload: dict[str, Any]) -> bool:
    try:
        return is_suspicious(orjson.dumps(payload))
    except TypeError:  # half a surrogate pair cannot be written
        return True
