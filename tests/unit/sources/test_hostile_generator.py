"""Thousands of hostile records: every sound one is read, every other is accounted for, in bounded memory.

`PRECEDENT_TEST_HOSTILE=10000` sets how many, `PRECEDENT_TEST_SEED` which.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.sources.hostile import write_hostile

COUNT = int(os.environ.get("PRECEDENT_TEST_HOSTILE", "3000"))
SEED = int(os.environ.get("PRECEDENT_TEST_SEED", "11"))
LARGEST_MB = 400
# In a process of its own, whose peak is that of reading and extracting alone.
READ = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from precedent.sources import registry
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.records import RawRecord

sound, reasons, texts = [], [], 0
for item in ArchiveSource(Path(sys.argv[1])).read():
    if isinstance(item, RawRecord):
        sound.append(item.external_id)
        payload = json.loads(item.payload_json())
        texts += registry.extract(item.shape, payload).text is not None
    else:
        item.file.encode()
        reasons.append(item.reason)
# Of this program alone: what `getrusage` says counts the process that started it.
(peak,) = (int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
json.dump({"sound": sound, "reasons": reasons, "texts": texts, "peak_mb": peak}, sys.stdout)
"""


def test_every_sound_record_is_read_and_every_other_accounted_for(tmp_path: Path) -> None:
    written = write_hostile(tmp_path, COUNT, SEED)
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], check=True, capture_output=True, timeout=900)
    found = json.loads(done.stdout)
    assert Counter(found["sound"]) == Counter(written.sound)
    assert len(found["reasons"]) == written.poisoned
    assert found["texts"] == len(written.sound)
    assert found["peak_mb"] < LARGEST_MB


@pytest.mark.parametrize(
    ("name", "start", "part", "end"),
    [
        ("a.json", b"", b"[", b""),
        ("b.json", b'[{"number": 1, "title": "', b"x", b'"}]'),
        ("c.json", b'[{"number": 1, "title": "x", "b": [{}', b",{}", b"]}]"),
        ("d.jsonl", b"", b"x", b""),
        ("e.jsonl", b'{"number": 1, "title": "\\u0000", "b": [{}', b",{}", b"]}"),
    ],
)
def test_one_file_of_forty_megabytes_is_read_in_bounded_memory(
    tmp_path: Path, name: str, start: bytes, part: bytes, end: bytes
) -> None:
    with (tmp_path / name).open("wb") as out:
        out.write(start)
        for _ in range(40):
            out.write(part * ((1 << 20) // len(part)))
        out.write(end)
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], check=True, capture_output=True, timeout=900)
    found = json.loads(done.stdout)
    assert (found["sound"], len(found["reasons"])) == ([], 1)
    assert found["peak_mb"] < LARGEST_MB
