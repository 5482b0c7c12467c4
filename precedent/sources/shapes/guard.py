"""The one place where an object of a source becomes a record, or is rejected with a reason."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.cleaning import clean, is_suspicious
from precedent.sources.shapes.fields import UnreadableError

# Far beyond what people and systems write, and within what JSON libraries and PostgreSQL take.
MAX_DEPTH = 200


def guarded(
    read: Callable[[dict[str, Any]], RawRecord], value: object, file: str, line: int
) -> RawRecord | RejectedRecord:
    """The record of an object, or why it has none; whatever the object holds, nothing is raised.

    Args:
        read: Makes the record of a clean payload; raises UnreadableError.
        value: What the source gave.
        file: Where it stands, for a rejection: a file, or the stream of a server.
        line: Its place there, from 1.
    """
    if not isinstance(value, dict):
        return RejectedRecord(file, line, "not_an_object", "The value is not an object.")
    try:
        payload, notes = _storable(value)
        record = read(payload)
        return replace(record, notes=notes) if notes else record
    except UnreadableError as error:
        return RejectedRecord(file, line, error.reason, error.detail)
    except Exception as error:  # a record that its reader did not expect, e.g. ValueError, TypeError, OverflowError
        return RejectedRecord(file, line, "unreadable", f"The record cannot be read ({type(error).__name__}).")


def _storable(payload: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The payload as PostgreSQL can store it, and what was cleaned.

    Raises:
        UnreadableError: it is nested too deeply, or a number is too large.
    """
    if _deeper_than(payload, MAX_DEPTH):
        raise UnreadableError("too_deep", f"The record is nested deeper than {MAX_DEPTH} levels.")
    try:
        written = orjson.dumps(payload)
    except TypeError:  # half a surrogate pair, or an integer beyond 64 bits
        return clean(payload)
    return clean(payload) if is_suspicious(written) else (payload, ())


def _deeper_than(payload: dict[str, Any], limit: int) -> bool:
    """True if containers are nested deeper; walks level by level, without recursion."""
    level: list[Any] = [payload]
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
