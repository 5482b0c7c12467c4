"""The shared real records, for tests that run only where they are."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).parents[3].parent / "shared" / "data"

needs_records = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared records are not on this machine")


def real(name: str) -> Iterator[dict[str, Any]]:
    """The records of one shared file."""
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
