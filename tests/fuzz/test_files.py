"""Files of strangers: what is sound is read, the rest is said, in bounded time."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from precedent.sources.formats.json import RawObject, read_file
from precedent.sources.kinds.archive.mapping import FieldMapping
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.records import RejectedRecord
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_record, is_rejection
from tests.fuzz.strategies.files import HostileFile, json_files, odd_files, tables

MOST_BYTES = 100_000
BY_TITLE = FieldMapping(fields={"id": "number", "title": "title"})


def read(file: HostileFile) -> list[RawObject | RejectedRecord]:
    with TemporaryDirectory() as folder, within(2.0):
        path = Path(folder) / file.name
        path.write_bytes(file.content)
        return list(read_file(path, file.name, MOST_BYTES))


@cases(100)
@given(json_files())
def test_sound_records_are_read_whatever_stands_between_them(file: HostileFile) -> None:
    found = read(file)
    assert [item.value for item in found if isinstance(item, RawObject) and "note" in item.value] == file.sound
    for item in found:
        if isinstance(item, RejectedRecord):
            is_rejection(item)


@cases(50)
@given(tables())
def test_sound_rows_are_read_whatever_stands_between_them(file: HostileFile) -> None:
    found = read(file)
    assert [item.value for item in found if isinstance(item, RawObject)] == file.sound
    for item in found:
        if isinstance(item, RejectedRecord):
            is_rejection(item)


@cases(120)
@given(odd_files())
def test_any_bytes_are_records_and_rejections(file: HostileFile) -> None:
    with TemporaryDirectory() as folder, within(3.0):
        (Path(folder) / file.name).write_bytes(file.content)
        source = ArchiveSource(Path(folder), BY_TITLE, MOST_BYTES)
        source.estimate()
        assert source.fingerprint() == source.fingerprint()
        for item in source.read():
            if isinstance(item, RejectedRecord):
                is_rejection(item)
            else:
                is_record(item)
