"""Reading a loopback GitHub as a sync does: pages into a store by id, cursors through JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from precedent.sources.kinds.github.source import GitHubSource
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.source import Page, Stream
from tests.servers.github import GitHubServer
from tests.servers.http_options import quick


@dataclass
class Store:
    """What syncs have stored: records by kind and id, cursors by stream, and what the last sync brought."""

    records: dict[tuple[RawKind, str], RawRecord] = field(default_factory=dict)
    rejected: list[RejectedRecord] = field(default_factory=list)
    gone: list[tuple[RawKind, str]] = field(default_factory=list)
    cursors: dict[str, bytes] = field(default_factory=dict)
    brought: list[str] = field(default_factory=list)

    def take(self, stream: str, page: Page) -> None:
        for item in page.records:
            if isinstance(item, RejectedRecord):
                self.rejected.append(item)
            else:
                self.records[item.kind, item.external_id] = item
                self.brought.append(item.external_id)
        self.gone += page.gone
        self.cursors[stream] = orjson.dumps(page.cursor)

    def cursor(self, stream: str) -> dict[str, Any] | None:
        return orjson.loads(self.cursors[stream]) if stream in self.cursors else None

    def ids(self) -> list[str]:
        return sorted(name for _, name in self.records)


@contextmanager
def opened(server: GitHubServer, slept: list[float] | None = None, **options: Any) -> Iterator[GitHubSource]:
    """A source of the server's repository whose waits take no time."""
    source = GitHubSource(
        options.pop("repository", server.repository.name),
        base_url=options.pop("base_url", server.api),
        options=quick(slept, now=server.dated),
        **options,
    )
    try:
        yield source
    finally:
        source.close()


def stream_of(source: GitHubSource, name: str) -> Stream:
    return next(stream for stream in source.streams() if stream.name == name)


def read(server: GitHubServer, store: Store, *names: str, since: datetime | None = None, **options: Any) -> list[str]:
    """One sync of these streams, or of all; the paths that were asked for, without those of the probe."""
    store.brought = []
    with opened(server, **options) as source:
        source.probe()
        before = len(server.requests)
        for stream in source.streams():
            if not names or stream.name in names:
                for page in source.pages(stream, store.cursor(stream.name), since):
                    store.take(stream.name, page)
    return server.paths()[before:]
