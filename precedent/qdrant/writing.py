"""Bringing a store up to date with PostgreSQL: what is missing or stale is written, what has gone is removed.

A killed run loses nothing: what the store has is written down group by group, after the store has it, and a point that
is written twice is the same point.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.progress import slices
from precedent.qdrant import comparison as comparing
from precedent.qdrant import state as synced
from precedent.qdrant.client import Server, TenantCollection
from precedent.qdrant.repository import StoreRow
from precedent.qdrant.requests import COLLECTION, PointId
from precedent.qdrant.state import Mirror, Rows, Work
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

BATCH = 256
# Upserts at once; a group is written down together, and its last batch waits until all are applied.
STREAMS = 3
GROUP = 16 * BATCH
DELETED_AT_ONCE = 1_000
UNDER_WAY = "it is being brought up to date"


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a run did to a space in a store.

    Attributes:
        space: The space.
        collection: Where it is.
        work: What the source's vectors needed.
        deleted: Points whose vectors have gone, of whatever source.
        recounted: Whether the store held something else than our book said, so that the book was corrected.
        ready: Whether search may ask the store for the space.
        reason: Why not.
        recall: Of the sample that was compared, or None where nothing was.
        switched: Whether the tenant's alias was moved to it.
    """

    space: Space
    collection: str
    work: Work
    deleted: int
    recounted: bool
    ready: bool
    reason: str | None
    recall: float | None
    switched: bool


def mirror(
    database: Database, server: Server, store: StoreRow, source: SourceRow, advance: Callable[[int], None], *,
    everything: bool = False,
) -> list[Mirrored]:  # fmt: skip
    """Bring the tenant's spaces in a store up to date with a source, the active one first.

    Spaces that are being built are mirrored too, so that a promotion finds them there. Runs on one store wait for
    each other.

    Args:
        database: PostgreSQL, which is right whenever the two differ.
        server: The store's server, for this tenant.
        store: Its row.
        source: Whose vectors are written; points of vectors that have gone are removed for all sources.
        advance: Is told how many points were written.
        everything: Whether to write all of them anew, also those that the store has.

    Raises:
        StoreError: the store failed; what was written stays, and the next run goes on from there.
    """
    with database.bulk(store.tenant_id, alone_on=store.id) as reader, database.bulk(store.tenant_id) as book:
        _remove_gone_spaces(server, store, book)
        found = [spaces.by_id(book, row[0]) for row in book.execute(synced.SPACES, {"store": store.id}).fetchall()]
        for space in found if everything else ():
            this = Mirror(store.id, space.id, store.tenant_id)
            book.execute(synced.DISTRUST, this.values(source=source.id))
        book.commit()
        return [_mirror_space(server, store, space, source.id, reader, book, advance) for space in found]


def _mirror_space(
    server: Server, store: StoreRow, space: Space, source_id: int, reader: "psycopg.Connection[Any]",
    book: "psycopg.Connection[Any]", advance: Callable[[int], None],
) -> Mirrored:  # fmt: skip
    this = Mirror(store.id, space.id, store.tenant_id)
    book.execute(synced.ENSURE, this.values(collection=server.name_of(space, store.isolation)))
    work, gone = synced.work(book, this, source_id), synced.gone(book, this)
    if work.added or work.changed or gone:
        # Before the first call: whatever becomes of this run, search does not take an old state for the whole.
        book.execute(synced.UNFINISHED, this.values(reason=UNDER_WAY))
    book.commit()
    collection = server.prepare(space, store.isolation)
    recounted = collection.count() != synced.held(book, this)
    if recounted:
        _recount(collection, book, this)
        work, gone = synced.work(book, this, source_id), synced.gone(book, this)
    _delete(collection, book, this, gone)
    if work.added or work.changed:
        _write(collection, reader, book, this, source_id, advance)
    ready, reason, recall = _judge(collection, book, this, touched=bool(gone or work.added or work.changed))
    switched = ready and space.status == "active" and _switch(server, store, collection.name)
    return Mirrored(space, collection.name, work, len(gone), recounted, ready, reason, recall, switched)


def follow(database: Database, server: Server, store: StoreRow) -> bool:
    """Move the tenant's alias to its active space at once, for whoever has just promoted one; False where it cannot.

    The next run does the same. Search needs no alias: it asks for the space that is active in PostgreSQL.
    """
    with database.bulk(store.tenant_id) as book:
        row = book.execute("SELECT id FROM embedding_spaces WHERE status = 'active'").fetchone()
        state = synced.state(book, store.id, row[0]) if row else None
    return state is not None and state[1] and _switch(server, store, state[0])


def empty(database: Database, server: Server, store: StoreRow) -> int:
    """Remove all the tenant's points from a store; returns from how many spaces.

    Raises:
        StoreError: the store failed; what is left is removed by the next try.
    """
    with database.bulk(store.tenant_id, alone_on=store.id) as book:
        found = book.execute(synced.EVERY_SPACE, {"store": store.id}).fetchall()
        for space_id, name in found:
            server.remove(name, space_id, store.isolation)
            book.execute(synced.FORGET, {"store": store.id, "space": space_id})
            book.commit()
    return len(found)


def _write(
    collection: TenantCollection, reader: "psycopg.Connection[Any]", book: "psycopg.Connection[Any]", this: Mirror,
    source_id: int, advance: Callable[[int], None],
) -> None:  # fmt: skip
    # Closed here and not when they are collected: the cursor belongs to a connection that others get next.
    with (
        closing(synced.pending(reader, this, source_id, GROUP)) as groups,
        # The client's own engine is not made for threads.
        ThreadPoolExecutor(1 if collection.local else STREAMS, thread_name_prefix="upsert") as streams,
    ):
        for group in groups:
            _write_group(collection, group, streams)
            synced.mark(book, this, group)
            book.commit()
            advance(len(group.hashes))
    reader.commit()


def _write_group(collection: TenantCollection, group: Rows, streams: Executor) -> None:
    parts = [group.part(start, BATCH) for start in range(0, len(group.hashes), BATCH)]
    futures = [streams.submit(collection.upsert, part.hashes, part.vectors, wait=False) for part in parts[:-1]]
    wait(futures, return_when=FIRST_EXCEPTION)
    try:
        for future in futures:
            future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    collection.upsert(parts[-1].hashes, parts[-1].vectors, wait=True)


def _delete(
    collection: TenantCollection, book: "psycopg.Connection[Any]", this: Mirror, gone: list[bytes]
) -> None:  # fmt: skip
    for part in slices(gone, DELETED_AT_ONCE):
        collection.delete(collection.ids(part))
        synced.unmark(book, this, part)
        book.commit()


def _recount(collection: TenantCollection, book: "psycopg.Connection[Any]", this: Mirror) -> None:
    """Correct our book by what the store really has, and remove points that are nobody's text."""
    book.execute(synced.UNFINISHED, this.values(reason="it lost or gained points by itself"))
    book.commit()
    strangers: list[PointId] = []

    def known() -> Iterator[list[bytes]]:
        for page in collection.scroll():
            expected = collection.ids([digest for _, digest in page])
            strangers.extend(own for (own, _), right in zip(page, expected, strict=True) if own != right)
            yield [digest for (own, digest), right in zip(page, expected, strict=True) if own == right]

    synced.correct(book, this, known())
    for part in slices(strangers, DELETED_AT_ONCE):
        collection.delete(part)


def _judge(
    collection: TenantCollection, book: "psycopg.Connection[Any]", this: Mirror, *, touched: bool
) -> tuple[bool, str | None, float | None]:
    """Whether search may ask for the space: complete, as many points as vectors, and a sample found again."""
    state = synced.state(book, this.store_id, this.space_id)
    if state is not None and state[1] and not touched:
        return True, None, None
    reason, recall = comparing.obstacle(collection, book, this)
    if reason is None:
        book.execute(synced.READY, this.values(recall=recall))
    else:
        book.execute(synced.UNFINISHED, this.values(reason=reason))
    book.commit()
    return reason is None, reason, recall


def _switch(server: Server, store: StoreRow, name: str) -> bool:
    return store.isolation == COLLECTION and server.point_alias(name)


def _remove_gone_spaces(server: Server, store: StoreRow, book: "psycopg.Connection[Any]") -> None:
    for space_id, name in book.execute(synced.GONE_SPACES, {"store": store.id}).fetchall():
        server.remove(name, space_id, store.isolation)
        book.execute(synced.FORGET, {"store": store.id, "space": space_id})
        book.commit()
