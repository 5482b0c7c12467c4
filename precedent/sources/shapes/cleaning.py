"""Characters that PostgreSQL cannot store: NUL, and surrogates without their other half."""

import re
from typing import Any

SURROGATES = re.compile("[\ud800-\udfff]")
# What to look for in raw JSON before any walk: the escape of NUL, or of a surrogate.
SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\x00")


def is_suspicious(raw: bytes) -> bool:
    """True if raw JSON may hold something to clean; most does not, and is not walked."""
    return SUSPICIOUS.search(raw) is not None


def clean(value: Any) -> tuple[Any, tuple[str, ...]]:
    """A copy without NUL characters (removed) and lone surrogates (replaced by U+FFFD), and what was done."""
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
    return value
