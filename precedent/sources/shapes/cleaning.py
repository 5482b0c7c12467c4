"""What cannot be stored: NUL characters, surrogates without their other half, and integers beyond 64 bits."""

import json
import re
from typing import Any

from precedent.sources.shapes.fields import UnreadableError

SURROGATES = re.compile("[\ud800-\udfff]")
# What the writer of JSON takes.
SMALLEST, LARGEST = -(1 << 63), (1 << 64) - 1
# What to look for in raw JSON before any walk: the escape of NUL, or of a surrogate.
SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\x00")


def is_suspicious(raw: bytes) -> bool:
    """True if raw JSON may hold something to clean; most does not, and is not walked."""
    return SUSPICIOUS.search(raw) is not None


def canonical(value: Any) -> bytes:
    """JSON with sorted keys of whatever a server sent, to compare it with what it sent before; never stored."""
    try:
        return json.dumps(value, sort_keys=True).encode()
    except RecursionError:
        return b"nested too deeply"  # no record can be made of it, whatever changes


def clean(value: Any) -> tuple[Any, tuple[str, ...]]:
    """A copy that can be stored, and what was done.

    NUL characters are removed, lone surrogates replaced by U+FFFD, and integers beyond 64 bits rounded to floating
    point, as most readers of JSON do.

    Raises:
        UnreadableError: an integer is larger than any floating point number.
    """
    notes: set[str] = set()
    return _clean(value, notes), tuple(sorted(notes))


def _clean(value: Any, notes: set[str]) -> Any:
    if isinstance(value, str):
        if "\0" in value:
            notes.add("nul_removed")
            value = value.replace("\0", "")
        if SURROGATES.search(value):
            notes.add("surrogates_replaced")
            value = SURROGATES.sub("\ufffd", value)
        return value
    if isinstance(value, dict):
        return {_clean(key, notes): _clean(item, notes) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, notes) for item in value]
    if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
        notes.add("numbers_rounded")
        return _rounded(value)
    return value


def _rounded(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnreadableError("invalid_number", "The record holds a number that is too large.") from None
