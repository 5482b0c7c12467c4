"""What holds of everything that the platform makes of strangers' bytes."""

import json
import math
import re
from typing import Any

from precedent.errors import LONGEST_SENTENCE, PrecedentError
from precedent.plain_text import CONTROLS
from precedent.sources.records import LONGEST_ID, LONGEST_PLACE, RawRecord, RejectedRecord

REASON = re.compile(r"[a-z][a-z_0-9]{1,40}")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
SMALLEST, LARGEST = -(1 << 63), (1 << 64) - 1


def is_sentence(error: Exception) -> None:
    """An error is the platform's own: one bounded sentence that no terminal obeys."""
    assert isinstance(error, PrecedentError), repr(error)
    text = str(error)
    assert 0 < len(text) <= LONGEST_SENTENCE
    assert not CONTROLS.search(text)
    assert not UNSTORABLE.search(text)


def is_storable(value: Any) -> None:
    """PostgreSQL takes a value as JSON or text: no NUL, no half of a pair, no number beyond its columns."""
    match value:
        case str():
            assert not UNSTORABLE.search(value)
        case dict():
            for key, item in value.items():
                is_storable(key)
                is_storable(item)
        case list() | tuple():
            for item in value:
                is_storable(item)
        case bool() | None:
            pass
        case int():
            assert SMALLEST <= value <= LARGEST
        case float():
            assert not math.isinf(value)
        case _:
            raise AssertionError(f"a {type(value).__name__}")


def is_rejection(found: RejectedRecord) -> None:
    """A rejection says where and why, in words of its own."""
    assert REASON.fullmatch(found.reason)
    assert found.detail.endswith(".")
    assert len(found.detail) <= LONGEST_PLACE
    assert len(found.file) <= LONGEST_PLACE
    assert not CONTROLS.search(found.detail)
    assert 1 <= found.line < 1 << 31
    is_storable([found.file, found.detail])


def is_record(found: RawRecord) -> None:
    """A record has ids that fit their index, and a payload that comes back as it went."""
    for name in (found.external_id, found.parent_id):
        assert name is None or 0 < len(name.encode()) <= LONGEST_ID
    is_storable([found.external_id, found.parent_id, found.payload])
    written = found.payload_json()
    assert json.loads(written) == json.loads(json.dumps(found.payload), parse_constant=lambda _: None)
    for moment in (found.created_at, found.updated_at):
        assert moment is None or moment.utcoffset() is not None
