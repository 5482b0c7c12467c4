"""Bringing a store up to date with PostgreSQL: what is missing or stale is written, what has gone is removed.

A killed run loses nothing: what the store has is recorded group by group, after the store has it, and a point that is
written twice is the same point.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.progress import slices
from precedent.qdrant.client import Server, TenantCollection
from precedent.qdrant.requests import Isolation, PointId
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from precedent.vector_stores import points, store_spaces
from precedent.vector_stores.comparison import obstacle
from precedent.vector_stores.connection import open_server
from precedent.vector_stores.points import Connection, Rows, Work
from precedent.vector_stores.repository import StoreRow
from precedent.vector_stores.store_spaces import StoreSpace
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

BATCH = 256
# Upserts at once; a group is recorded together, and its last batch waits until all are applied.
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
        recounted: Whether the store held another number of points than was recorded, so that the record was corrected.
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
    database: Database,
    settings: Settings,
    store: StoreRow,
    source: SourceRow,
    advance: Callable[[int], None],
    *,
    everything: bool = False,
) -> list[Mirrored]:
    """Bring the tenant's spaces in a store up to date with a source, the active one first.

    Spaces that are being built are mirrored too, so that a promotion finds them there. Runs on one store wait for
    each other.

    Args:
        database: PostgreSQL, which is right whenever the two differ.
        settings: Where the keys are.
        store: Which store.
        source: Whose vectors are written; points of vectors that have gone are removed for all sources.
        advance: Is told how many points were written.
        everything: Whether to write all of them anew, also those that the store has.

    Raises:
        UsageError: the policy forbids the store's address, or the client is not installed.
        StoreError: the store failed; what was written stays, and the next run goes on from there.
    """
    with (
        closing(open_server(database, settings, store)) as server,
        database.bulk(store.tenant_id, alone_on=store.id) as reader,
        database.bulk(store.tenant_id) as book,
    ):
        _remove_gone_spaces(server, store, book)
        found = [spaces.get(book, number) for number in store_spaces.to_mirror(book, store.id)]
        for space in found if everything else ():
            points.make_stale(book, StoreSpace(store.id, space.id, store.tenant_id), source.id)
        book.commit()
        return [_mirror_space(server, store, space, source.id, reader, book, advance) for space in found]


def empty(database: Database, settings: Settings, store: StoreRow) -> int:
    """Remove all the tenant's points from a store; returns from how many spaces.

    Raises:
        UsageError: the policy forbids the store's address, or the client is not installed.
        StoreError: the store failed; what is left is removed by the next try.
    """
    with (
        closing(open_server(database, settings, store)) as server,
        database.bulk(store.tenant_id, alone_on=store.id) as book,
    ):
        found = store_spaces.held(book, store.id)
        for space_id, name in found:
            _remove_space(server, store, book, space_id, name)
    return len(found)


def _mirror_space(
    server: Server,
    store: StoreRow,
    space: Space,
    source_id: int,
    reader: Connection,
    book: Connection,
    advance: Callable[[int], None],
) -> Mirrored:
    this = StoreSpace(store.id, space.id, store.tenant_id)
    store_spaces.save(book, this, server.name_of(space, store.isolation))
    work, gone = points.work(book, this, source_id), points.gone(book, this)
    if work.added or work.changed or gone:
        # Before the first call: whatever becomes of this run, search does not take an old state for the whole.
        store_spaces.set_unready(book, this, UNDER_WAY)
    book.commit()
    collection = server.prepare(space, store.isolation)
    recounted = collection.count() != points.count(book, this)
    if recounted:
        _recount(collection, book, this)
        work, gone = points.work(book, this, source_id), points.gone(book, this)
    _delete(collection, book, this, gone)
    if work.added or work.changed:
        _write(collection, reader, book, this, source_id, advance)
    ready, reason, recall = _judge(collection, book, this, touched=bool(gone or work.added or work.changed))
    switched = (
        ready
        and space.status == "active"
        and store.isolation is Isolation.COLLECTION
        and server.point_alias(collection.name)
    )
    return Mirrored(space, collection.name, work, len(gone), recounted, ready, reason, recall, switched)


def _write(
    collection: TenantCollection,
    reader: Connection,
    book: Connection,
    this: StoreSpace,
    source_id: int,
    advance: Callable[[int], None],
) -> None:
    with (
        # Closed here and not when it is collected: the cursor belongs to a connection that others get next.
        closing(points.pending(reader, this, source_id, GROUP)) as groups,
        ThreadPoolExecutor(STREAMS, thread_name_prefix="upsert") as streams,
    ):
        for group in groups:
            _write_group(collection, group, streams)
            points.save(book, this, group)
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


def _delete(collection: TenantCollection, book: Connection, this: StoreSpace, gone: list[bytes]) -> None:
    for part in slices(gone, DELETED_AT_ONCE):
        collection.delete(collection.ids(part))
        points.delete(book, this, part)
        book.commit()


def _recount(collection: TenantCollection, book: Connection, this: StoreSpace) -> None:
    """Record what the store really has, and remove points whose id is not that of their text."""
    store_spaces.set_unready(book, this, "it lost or gained points by itself")
    book.commit()
    strangers: list[PointId] = []

    def known() -> Iterator[list[bytes]]:
        for page in collection.scroll():
            expected = collection.ids([digest for _, digest in page])
            strangers.extend(own for (own, _), right in zip(page, expected, strict=True) if own != right)
            yield [digest for (own, digest), right in zip(page, expected, strict=True) if own == right]

    points.replace(book, this, known())
    for part in slices(strangers, DELETED_AT_ONCE):
        collection.delete(part)


def _judge(
    collection: TenantCollection, book: Connection, this: StoreSpace, *, touched: bool
) -> tuple[bool, str | None, float | None]:
    """Whether search may ask for the space: complete, as many points as vectors, and a sample found again."""
    state = store_spaces.get(book, this.store_id, this.space_id)
    if state is not None and state.ready and not touched:
        return True, None, None
    reason, recall = obstacle(collection, book, this)
    if reason is None:
        store_spaces.set_ready(book, this, recall)
    else:
        store_spaces.set_unready(book, this, reason)
    book.commit()
    return reason is None, reason, recall


def _remove_gone_spaces(server: Server, store: StoreRow, book: Connection) -> None:
    for space_id, name in store_spaces.held(book, store.id, gone=True):
        _remove_space(server, store, book, space_id, name)


def _remove_space(server: Server, store: StoreRow, book: Connection, space_id: int, collection: str) -> None:
    server.remove(collection, space_id, store.isolation)
    store_spaces.delete(book, store.id, space_id)
    book.commit()
