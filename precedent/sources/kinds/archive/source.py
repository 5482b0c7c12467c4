"""Source `archive`: a folder or file of exported records."""

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from precedent.errors import SourceError
from precedent.settings import DEFAULT_MAX_BODY_BYTES
from precedent.sources import registry
from precedent.sources.formats.json import SUFFIXES, TABLES, data_suffix, read_file
from precedent.sources.formats.opening import BROKEN, open_regular
from precedent.sources.kinds.archive.mapping import FieldMapping
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.guard import guarded

# Raise it whenever the same file could give other records: every archive is then read again.
READER_VERSION = "2"
# Each is kept with its reason; a file with more of them is no file of records.
MOST_REJECTED = 100_000
SAMPLE_BYTES = 1 << 20


class ArchiveSource:
    """JSON, JSONL, CSV and TSV files, gzipped or not, below one folder, or one such file."""

    def __init__(
        self, path: Path, mapping: FieldMapping | None = None, max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    ) -> None:
        """Check that there are files.

        Raises:
            SourceError: the path is missing or unreadable, holds no data file, or a table without a mapping.
        """
        self.path = path
        self.mapping = mapping
        self.max_body_bytes = max_body_bytes
        self._files()

    def fingerprint(self) -> str:
        """A digest of the names and contents of all files, the mapping and the reader's version."""
        digest = hashlib.sha256(f"{READER_VERSION}/{self.max_body_bytes}".encode())
        if self.mapping:
            digest.update(orjson.dumps(self.mapping.model_dump(), option=orjson.OPT_SORT_KEYS))
        for path in self._files():
            digest.update(self._name(path).encode(errors="surrogateescape"))
            try:
                with self._opened(path) as handle:
                    digest.update(hashlib.file_digest(handle, "sha256").digest())
            except OSError as error:
                digest.update(f"unreadable {error.errno}".encode())
        return digest.hexdigest()

    def quick_fingerprint(self) -> str:
        """A digest of the files' names, sizes and times: reads none of them."""
        digest = hashlib.sha256(f"{READER_VERSION}/{self.max_body_bytes}".encode())
        for path in self._files():
            try:
                status = path.stat()
                seen = f"{status.st_size}/{status.st_mtime_ns}"
            except OSError as error:
                seen = f"unreadable {error.errno}"
            digest.update(f"{self._name(path)}/{seen}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def estimate(self) -> int | None:
        """Records, counted in each file's first megabyte and carried forward by its size."""
        total = 0.0
        for path in self._files():
            try:
                with self._opened(path) as raw:
                    total += _records_in(path, raw)
            except (OSError, *BROKEN):
                continue
        return round(total) or None

    def read(self) -> Iterator[RawRecord | RejectedRecord]:
        """Every record, file by file in the order of their names."""
        read = self.mapping.record if self.mapping else registry.record
        for path in self._files():
            if not self._within(path):
                detail = "It is a link that leads out of the folder: it is not followed."
                yield RejectedRecord(self._name(path), 1, "outside", detail)
                continue
            rejected = 0
            for item in read_file(path, self._name(path), self.max_body_bytes):
                found = item if isinstance(item, RejectedRecord) else guarded(read, item.value, item.file, item.line)
                yield found
                rejected += isinstance(found, RejectedRecord)
                if rejected == MOST_REJECTED:
                    detail = f"It is read no further: {MOST_REJECTED:,} of its records cannot be read."
                    yield RejectedRecord(item.file, item.line + 1, "too_many", detail)
                    break

    def _opened(self, path: Path) -> io.BufferedReader:
        if not self._within(path):
            raise OSError(errno.ELOOP, "It is a link that leads out of the folder")
        return open_regular(path)

    def _within(self, path: Path) -> bool:
        """True if a file lies below the folder; the path that the owner gave may be a link itself."""
        return path == self.path or not path.is_symlink() or _real(path).is_relative_to(_real(self.path))

    def _name(self, path: Path) -> str:
        return path.name if path == self.path else str(path.relative_to(self.path))

    def _files(self) -> list[Path]:
        if not self.path.exists():
            raise SourceError(f"{self.path} does not exist: check the path.")
        if not os.access(self.path, os.R_OK):
            raise SourceError(f"{self.path} cannot be read: check its permissions.")
        if self.path.is_file():
            found = [self.path] if data_suffix(self.path) else []
        else:
            found = sorted(
                Path(folder) / name
                for folder, folders, names in os.walk(self.path)
                if not _hidden(folders)
                for name in names
                if not name.startswith(".") and data_suffix(Path(name))
            )
        if not found:
            raise SourceError(
                f"{self.path} holds no records: files must end in {', '.join(SUFFIXES)}, each also with .gz."
            )
        if self.mapping is None and (tables := [file for file in found if data_suffix(file) in TABLES]):
            raise SourceError(
                f"{tables[0].name} is a table: say which column is what, "
                'e.g. --map id="Issue id" --map title=Summary --map body=Description.'
            )
        return found


def _hidden(folders: list[str]) -> bool:
    """Take hidden folders out of the walk; always false, so that it can stand in a condition."""
    folders[:] = sorted(name for name in folders if not name.startswith("."))
    return False


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike `Path.resolve` it takes a circle of links


def _records_in(path: Path, raw: io.BufferedReader) -> float:
    import gzip

    compressed = path.name.lower().endswith(".gz")
    handle = gzip.GzipFile(fileobj=raw) if compressed else raw
    sample = handle.read(SAMPLE_BYTES)
    used = raw.tell()
    lines = max(1, sample.count(b"\n"))
    if data_suffix(path) == ".json":
        lines = max(1, sample.count(b'"created'))
    size = os.fstat(raw.fileno()).st_size
    return lines * max(1.0, size / max(used, 1)) if len(sample) == SAMPLE_BYTES else lines
