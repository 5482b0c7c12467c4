"""Files and records that were made to hurt: each costs itself alone, in bounded time."""

import gzip
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from precedent.errors import SourceError
from precedent.sources.formats.values import CutError, Values
from precedent.sources.kinds.archive.mapping import FieldMapping
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.kinds.jira.shapes import ISSUE
from precedent.sources.records import LONGEST_ID, RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.guard import MAX_DEPTH, guarded

GOOD = {"number": 1, "title": "Title", "created_at": "2025-01-01T00:00:00Z"}


def sound(number: int) -> str:
    return json.dumps({**GOOD, "number": number})


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def read(path: Path, limit: int = 5_000_000, mapping: FieldMapping | None = None) -> tuple[list[str], list[str]]:
    """Ids of the records, and reasons of the rejections."""
    items = list(ArchiveSource(path, mapping, limit).read())
    return (
        [item.external_id for item in items if isinstance(item, RawRecord)],
        [item.reason for item in items if isinstance(item, RejectedRecord)],
    )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def record(**fields: str) -> str:
    """A record whose fields are JSON."""
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


POISONS = [
    (record(number="2", title='"x"', more=nested(255)), "too_deep"),
    (record(number="2", title='"x"', more=nested(600)), "too_deep"),
    (record(number="2", title='"x"', more=nested(5_000)), "invalid_json"),
    (record(number='"²"', title='"x"'), "no_id"),
    (record(number="2", title='"x"', created_at='"' + "1 " * 40_000 + '"'), "invalid_date"),
    (record(number="2", title='"x"', created_at="1e308"), "invalid_date"),
    (record(number="123456789012345678901", title=r'"x\u0000"'), "no_id"),
    (record(number="2", title=r'"x\u0000"', more="9" * 400), "invalid_number"),
    (record(id="1", issue_url=f'"https://api.github.com/repos/{"o" * 10_000}/n/issues/7"', body='""'), "id_too_long"),
    (record(fields='{"labels": {}}', key='"A-1"'), "wrong_type"),
    (record(fields="{}", key='"' + "K" * 10_000 + '"'), "id_too_long"),
]


@pytest.mark.parametrize(("poison", "reason"), POISONS)
@pytest.mark.parametrize("array", [False, True])
def test_a_poisoned_record_is_rejected_and_its_neighbours_are_read(
    tmp_path: Path, poison: str, reason: str, array: bool
) -> None:
    path = tmp_path / ("issues.json" if array else "issues.jsonl")
    records = [sound(1), poison, *map(sound, range(3, 1_001))]
    path.write_text(f"[{','.join(records)}]" if array else "\n".join(records), encoding="utf-8")
    with within(5):
        ids, reasons = read(path)
    assert (len(ids), reasons) == (999, [reason])


@pytest.mark.parametrize("name", ["issues.jsonl", "issues.json"])
@pytest.mark.parametrize("number", [1 << 64, -(1 << 70), 10**30])
def test_an_integer_beyond_64_bits_is_rounded_and_its_record_is_read(tmp_path: Path, name: str, number: int) -> None:
    text = record(number="1", title=r'"x\u0000"', n=str(number))
    (tmp_path / name).write_text(f"[{text}]" if name.endswith("json") else text)
    (item,) = ArchiveSource(tmp_path).read()
    assert isinstance(item, RawRecord)
    assert item.payload["n"] == float(number)
    assert item.notes == ("nul_removed", "numbers_rounded")
    item.payload_json()


@pytest.mark.parametrize("error", [ValueError, TypeError, RecursionError, OverflowError, KeyError, AttributeError])
def test_whatever_a_reader_raises_is_a_rejection(error: type[Exception]) -> None:
    def broken(_: dict[str, Any]) -> RawRecord:
        raise error

    found = guarded(broken, {"a": 1}, "issues", 3)
    assert found == RejectedRecord("issues", 3, "unreadable", f"The record cannot be read ({error.__name__}).")


def test_a_jira_issue_of_seventy_nested_lists_is_rejected() -> None:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(70):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    issue = {"key": "A-1", "fields": {"summary": "s", "description": {"type": "doc", "content": [node]}}}
    found = guarded(ISSUE.record, issue, "issue/A-1", 1)
    assert isinstance(found, RejectedRecord)
    assert found.reason == "too_deep"


def test_the_deepest_record_can_be_stored() -> None:
    value: Any = "deep"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    mapping = FieldMapping(fields={"id": "a", "title": "t"})
    found = guarded(mapping.record, {"a": "1", "t": "T", "x": value}, "f", 1)
    assert isinstance(found, RawRecord)
    found.payload_json()


@pytest.mark.parametrize(("length", "reason"), [(LONGEST_ID, None), (LONGEST_ID + 1, "id_too_long")])
def test_an_id_has_a_longest_length(length: int, reason: str | None) -> None:
    found = guarded(lambda item: RawRecord(RawKind.ISSUE, "s", item["id"], item), {"id": "x" * length}, "f", 1)
    assert (found.reason if isinstance(found, RejectedRecord) else None) == reason


def test_a_rejection_can_be_stored_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"broken-\xff.jsonl")
    path.write_bytes(b"{broken\n" + sound(2).encode())
    rejected, record = ArchiveSource(tmp_path).read()
    assert isinstance(rejected, RejectedRecord)
    assert rejected.file.encode() == "broken-\ufffd.jsonl".encode()
    assert isinstance(record, RawRecord)


@pytest.mark.parametrize(
    ("content", "ids", "reasons"),
    [
        ('{"issues": [%s], "pull_requests": [%s, %s]}', ["#1", "#2", "#3"], []),
        ('{"pages": [1], "issues": [%s, %s], "total": 2, "page": {"a": [%s]}}', ["#1", "#2"], []),
        ('{"issues": [%s, %s], "tickets": [%s]}', ["#1", "#2"], ["unknown_list"]),
        ("\ufeff[%s, %s, %s]", ["#1", "#2", "#3"], []),
        ('\ufeff{"issues": [%s, %s, %s]}', ["#1", "#2", "#3"], []),
        (
            '[%s, {"number": tru}, %s, 7, "x", %s]',
            ["#1", "#2", "#3"],
            ["invalid_json", "not_an_object", "not_an_object"],
        ),
        ("[%s, %s, %s", ["#1", "#2", "#3"], ["truncated_file"]),
        ("%s\n%s\n%s", ["#1"], ["invalid_json"]),
        ("[%s, %s] [%s]", ["#1", "#2"], ["invalid_json"]),
        ('{"issues": [%s, %s, %s}', ["#1", "#2", "#3"], ["truncated_file"]),
    ],
)
def test_what_json_holds_is_read_or_accounted_for(
    tmp_path: Path, content: str, ids: list[str], reasons: list[str]
) -> None:
    (tmp_path / "a.json").write_text(content % (sound(1), sound(2), sound(3)), encoding="utf-8")
    assert read(tmp_path) == (ids, reasons)


@pytest.mark.parametrize(
    ("content", "ids", "reasons"),
    [
        (b"[" * 100_000, [], ["truncated_file"]),
        (b'[{"number": 1, "title": "' + b"x" * 50_000_000 + b'"}, {"number": 2, "title": ""}]', ["#2"], ["too_large"]),
        (
            b'[{"number": 1, "title": "' + b"\\\\" * 9_000_000 + b'"}, {"number": 2, "title": ""}]',
            ["#2"],
            ["too_large"],
        ),
        (b"[" + b"[" * 9_000_000 + b"]" * 9_000_000 + b', {"number": 2, "title": ""}]', ["#2"], ["too_large"]),
    ],
)
def test_giant_strings_and_deep_arrays_take_bounded_time(
    tmp_path: Path, content: bytes, ids: list[str], reasons: list[str]
) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with within(20):
        assert read(tmp_path) == (ids, reasons)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
def test_values_are_the_same_wherever_the_stream_is_cut(
    size: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("precedent.sources.formats.values.READ_BYTES", size)
    path = tmp_path / "values"
    path.write_text(r'{"a \" ] \\": [1, "x\\", {"b": "}"}]} -12.5e3 "\"" ')
    with path.open("rb") as handle:
        values = Values(handle, 100)
        found = [values.value(), values.value(), values.value()]
        assert values.peek() == b""
    assert found == [rb'{"a \" ] \\": [1, "x\\", {"b": "}"}]}', b"-12.5e3", rb'"\""']
    path.write_text('{"a": "b')
    with path.open("rb") as handle, pytest.raises(CutError):
        Values(handle, 100).value()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.jsonl.gz", b"x"),
        ("a.json.gz", b"["),
        ("a.csv.gz", b","),
        ("b.csv.gz", b'",,,,,,,,"\n'),
        ("c.csv.gz", b"a\n"),
    ],
)
def test_a_gzip_bomb_is_read_no_further_than_is_sound(tmp_path: Path, name: str, part: bytes) -> None:
    with gzip.open(tmp_path / name, "wb", compresslevel=1) as out:
        for _ in range(70):
            out.write(part * ((1 << 20) // len(part)))
    mapping = FieldMapping(fields={"id": "id", "title": "title"}) if "csv" in name else None
    with within(60):
        reasons = set(read(tmp_path, 100_000, mapping)[1])
    assert reasons & {"too_large", "too_many", "truncated_file"}


MAPPING = FieldMapping(fields={"id": "id", "title": "title"})


def test_a_row_of_any_length_costs_itself_alone(tmp_path: Path) -> None:
    rows = ["id,title", "1,One", '2,"' + "x\n" * 1_000_000 + '"', "3," + "y" * 3_000_000, "4,Four"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    ids, reasons = read(tmp_path, 100_000, MAPPING)
    assert ids == ["1", "4"]
    assert reasons == ["too_large", "too_large"]
    (tmp_path / "a.csv").write_text("," * 20_000 + "\n1,One\n")
    assert read(tmp_path, 100_000, MAPPING) == ([], ["wrong_columns"])


def test_only_regular_files_within_the_folder_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.jsonl"
    outside.write_text(sound(9))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.jsonl").write_text(sound(1))
    (folder / "inside.jsonl").symlink_to(folder / "good.jsonl")
    (folder / "leaves.jsonl").symlink_to(outside)
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    (folder / "circle.jsonl").symlink_to(folder / "circle.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    source = ArchiveSource(folder)
    with within(5):
        first = source.fingerprint()
        source.estimate()
        source.quick_fingerprint()
        found = list(source.read())
    assert [item.external_id for item in found if isinstance(item, RawRecord)] == ["#1", "#1"]
    rejected = {item.file: item.reason for item in found if isinstance(item, RejectedRecord)}
    assert rejected == {
        "circle.jsonl": "unreadable_file",
        "leaves.jsonl": "outside",
        "pipe.jsonl": "unreadable_file",
        "zero.jsonl": "outside",
    }
    outside.write_text(sound(8))
    assert source.fingerprint() == first


def test_a_link_that_the_owner_names_is_followed_and_a_pipe_is_not(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(sound(1))
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "good.jsonl")
    assert read(tmp_path / "link.jsonl") == (["#1"], [])
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(SourceError, match="holds no records"):
        ArchiveSource(tmp_path / "pipe.jsonl")
