"""Reading a source as a sync does: records by id, cursors through JSON."""

from dataclasses import dataclass, field
from datetime import datetime

import orjson

from precedent.sources.records import RawKind, RawRecord, RejectedRecord, payload_hash
from precedent.sources.source import Cursor, LiveSource, Page

Identity = tuple[RawKind, str]


@dataclass(slots=True)
class Store:
    """What syncs have stored.

    Attributes:
        records: By kind and external id.
        rejected: What could not be read.
        gone: What pages said is gone.
        cursors: By stream, as JSON.
        changed: The items that the last `read` brought new or with another payload.
    """

    records: dict[Identity, RawRecord] = field(default_factory=dict)
    rejected: list[RejectedRecord] = field(default_factory=list)
    gone: list[Identity] = field(default_factory=list)
    cursors: dict[str, bytes] = field(default_factory=dict)
    changed: set[Identity] = field(default_factory=set)

    def read(self, source: LiveSource, *, at_most: int | None = None, since: datetime | None = None) -> int:
        """Read every stream from its cursor on.

        Args:
            source: The source.
            at_most: Stop after so many pages, as a process that is killed does.
            since: Passed on to `pages`.

        Returns:
            How many pages were read.
        """
        self.changed = set()
        read = 0
        for stream in source.streams():
            for page in source.pages(stream, self.cursor(stream.name), since):
                self._take(stream.name, page)
                read += 1
                if read == at_most:
                    return read
        return read

    def cursor(self, stream: str) -> Cursor | None:
        """The cursor of a stream as another process finds it."""
        found: Cursor | None = orjson.loads(self.cursors[stream]) if stream in self.cursors else None
        return found

    def hashes(self) -> dict[Identity, bytes]:
        """A digest of each record's payload."""
        return {known: payload_hash(item.shape, item.payload_json()) for known, item in self.records.items()}

    def _take(self, stream: str, page: Page) -> None:
        for item in page.records:
            if isinstance(item, RejectedRecord):
                self.rejected.append(item)
                continue
            identity = (item.kind, item.external_id)
            former = self.records.get(identity)
            if former is None or former.payload_json() != item.payload_json():
                self.changed.add(identity)
            self.records[identity] = item
        self.gone += page.gone
        self.cursors[stream] = orjson.dumps(page.cursor)
