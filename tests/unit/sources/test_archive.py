import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from precedent.errors import SourceError, UsageError
from precedent.sources.kinds.archive.kind import ArchiveConfiguration
from precedent.sources.kinds.archive.mapping import FieldMapping
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.options import configuration_values
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.registry import configuration_of

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
real = pytest.mark.skipif(not DATA.exists(), reason="the shared records are absent")
MAPPING = FieldMapping(fields={"id": "Issue id", "title": "Summary", "body": "Description", "created_at": "Created"})
GOOD = {"number": 1, "title": "Title", "created_at": "2025-01-01T00:00:00Z"}


def read(path: Path, mapping: FieldMapping | None = None, limit: int = 5_000_000) -> list[RawRecord | RejectedRecord]:
    return list(ArchiveSource(path, mapping, limit).read())


def split(items: list[RawRecord | RejectedRecord]) -> tuple[list[str], list[tuple[int, str]]]:
    """Ids of the records, and (line, reason) of the rejections."""
    return (
        [item.external_id for item in items if isinstance(item, RawRecord)],
        [(item.line, item.reason) for item in items if isinstance(item, RejectedRecord)],
    )


@real
@pytest.mark.parametrize(
    ("folder", "counts"),
    [
        ("github", {"issue": 341, "pull_request": 537, "comment": 9_293}),
        ("jira", {"issue": 6_686}),
        ("git", {"commit": 4_388}),
        ("incidents", {"incident": 902}),
    ],
)
def test_the_real_records_are_all_read(folder: str, counts: dict[str, int]) -> None:
    found = Counter(i.kind.value if isinstance(i, RawRecord) else "rejected" for i in read(DATA / folder))
    assert found == counts


@real
def test_mapped_records_are_all_read_with_their_written_dates() -> None:
    items = read(DATA / "labelled" / "hadoop_bugs.jsonl.gz", MAPPING)
    assert len(items) == 2_503
    assert all(isinstance(item, RawRecord) and item.created_at for item in items)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"number": 1, "title": "cut', "invalid_json"),
        (b'{"number": 1, "title": "\xff"}', "invalid_utf8"),
        (b'["a list"]', "not_an_object"),
        (b"7", "not_an_object"),
        (b'{"number": NaN, "title": "x"}', "invalid_json"),
        (b'{"number": null, "title": "x"}', "no_id"),
        (b'{"id": 1, "fields": {}}', "no_id"),
        (b'{"number": 1, "title": 7}', "wrong_type"),
        (b'{"number": 1, "title": "x", "labels": "bug"}', "wrong_type"),
        (b'{"number": 1, "title": "x", "body": []}', "wrong_type"),
        (b'{"number": 1, "title": "x", "created_at": "someday"}', "invalid_date"),
        (b'{"poem": "roses"}', "unknown_shape"),
        (b'{"number": 1, "title": "' + b"x" * 3_000 + b'"}', "too_large"),
        (b"[" * 100_000, "invalid_json"),
    ],
)
def test_an_unsound_record_is_rejected_and_its_neighbours_are_read(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "issues.jsonl"
    good = [json.dumps({**GOOD, "number": n}).encode() for n in (8, 9)]
    path.write_bytes(b"\n".join([good[0], line, good[1]]) + b"\n")
    limit = 2_000 if reason == "too_large" else 5_000_000
    assert split(read(path, limit=limit)) == (["#8", "#9"], [(2, reason)])


def test_sound_but_sparse_records_are_read(tmp_path: Path) -> None:
    path = tmp_path / "issues.jsonl"
    sparse = {"number": "12", "title": None, "body": None, "labels": None, "user": None, "created_at": None}
    path.write_text(json.dumps(sparse) + "\n")
    assert split(read(path)) == (["#12"], [])


def test_nul_and_lone_surrogates_are_cleaned_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "issues.jsonl"
    path.write_text('{"number": 1, "title": "a\\u0000b \\ud83d c \\ud83d\\ude00"}\n')
    (item,) = read(path)
    assert isinstance(item, RawRecord)
    assert item.payload["title"] == "ab \ufffd c \U0001f600"
    assert item.notes == ("nul_removed", "surrogates_replaced")
    item.payload_json()


def test_a_truncated_gzip_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "issues.jsonl.gz"
    lines = b"".join(json.dumps({**GOOD, "number": n, "body": str(n) * 99}).encode() + b"\n" for n in range(500))
    path.write_bytes(gzip.compress(lines)[:-200])
    ids, rejected = split(read(path))
    assert ids[:2] == ["#0", "#1"]
    assert [reason for _, reason in rejected][-1] == "truncated_file"


def test_a_truncated_array_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "issues.json"
    path.write_text(json.dumps([{**GOOD, "number": n} for n in range(3)])[:-30])
    ids, rejected = split(read(path))
    assert ids == ["#0", "#1"]
    assert len(rejected) == 1


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: {"page": 1, "issues": r}, lambda r: {"values": r}])
def test_arrays_and_envelopes_are_unwrapped(tmp_path: Path, wrap: object) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps(wrap([GOOD, {**GOOD, "number": 2}])))  # type: ignore[operator]
    assert split(read(path)) == (["#1", "#2"], [])


def test_one_object_byte_order_mark_and_blank_lines_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps({**GOOD, "number": 2}).encode() + b"\r\n\r\n")
    (tmp_path / "c.jsonl").write_bytes(b"")
    assert split(read(tmp_path)) == (["#1", "#2"], [])


def test_a_table_is_read_by_its_mapping_and_bad_rows_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "bugs.csv"
    path.write_bytes(
        b"Issue id,Summary,Description,Created\n"
        b'1,First,"two\nlines",30/Sep/21 17:20\n'
        b"2,too few\n"
        b"3,\xff\xfe,x,\n"
        b"4,Fourth,x,\n"
    )
    assert split(read(path, MAPPING)) == (["1", "4"], [(4, "wrong_columns"), (5, "invalid_utf8")])


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({"url": "https://api.github.com/repos/o/n/issues/7"}, "o/n#7"),
        ({"repository_url": "https://git.example.com/api/v3/repos/o/n"}, "o/n#7"),
        ({"html_url": "https://github.com/o/n/issues/7"}, "o/n#7"),
        ({}, "#7"),
    ],
)
def test_an_issues_id_names_its_repository(tmp_path: Path, urls: dict[str, str], expected: str) -> None:
    (tmp_path / "i.jsonl").write_text(json.dumps({**GOOD, "number": 7, **urls}))
    assert split(read(tmp_path))[0] == [expected]


def test_a_stub_of_a_pull_request_is_a_pull_request_and_the_full_one_beats_it(tmp_path: Path) -> None:
    stub = {**GOOD, "pull_request": {"url": "x"}}
    (tmp_path / "i.jsonl").write_text(json.dumps(stub) + "\n" + json.dumps({**GOOD, "head": {}, "base": {}}))
    items = read(tmp_path)
    assert [(i.kind.value, i.completeness) for i in items if isinstance(i, RawRecord)] == [
        ("pull_request", 0),
        ("pull_request", 1),
    ]


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["title=a"], "has no id"),
        (["id=a"], "neither title nor body"),
        (["id=a", "speed=b"], "Nothing is called 'speed'"),
        (["id"], "does not say which field"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(pairs: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        configuration_of("archive", configuration_values(ArchiveConfiguration, "folder", {"map": pairs}))


def test_a_mapping_reaches_into_objects_and_splits_labels(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"a": {"id": 5}, "t": "T", "l": "x, y", "c": 1_700_000_000_000}))
    mapping = FieldMapping(fields={"id": "a.id", "title": "t", "labels": "l", "created_at": "c"}, kind="incident")
    (item,) = read(tmp_path, mapping)
    assert isinstance(item, RawRecord)
    assert (item.external_id, item.kind.value, item.payload["mapped"]["labels"]) == ("5", "incident", ["x", "y"])
    assert item.created_at
    assert item.created_at.year == 2023


def test_what_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        ArchiveSource(tmp_path / "missing")
    with pytest.raises(SourceError, match="holds no records"):
        ArchiveSource(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(SourceError, match="is a table"):
        ArchiveSource(tmp_path)


def test_the_fingerprint_follows_content_names_and_mapping(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(GOOD))
    first = ArchiveSource(tmp_path).fingerprint()
    path.touch()
    assert ArchiveSource(tmp_path).fingerprint() == first
    assert ArchiveSource(tmp_path, MAPPING).fingerprint() != first
    path.write_text(json.dumps({**GOOD, "title": "Other"}))
    changed = ArchiveSource(tmp_path).fingerprint()
    path.rename(tmp_path / "b.jsonl")
    assert len({first, changed, ArchiveSource(tmp_path).fingerprint()}) == 3


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    with path.open("w") as out:
        for n in range(60_000):
            out.write(json.dumps({**GOOD, "number": n, "body": "x" * 300}) + "\n")
        out.write('{"number": 1, "title": "' + "x" * 30_000_000 + '"}\n')
    tracemalloc.start()
    count = sum(1 for _ in ArchiveSource(path, max_body_bytes=1_000_000).read())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_001
    assert peak < 10_000_000


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), name=st.sampled_from(["a.json", "a.jsonl", "a.jsonl.gz", "a.csv"]))
def test_no_bytes_make_the_reader_raise(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert all(isinstance(item, RawRecord | RejectedRecord) for item in read(path, MAPPING))
