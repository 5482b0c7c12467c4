"""The only module that holds a Qdrant client.

Tenants share collections, and with `m=0` a search that forgets the tenant is no error: it returns points of any tenant,
or next to nothing. So the client itself is never handed out. A `Server` belongs to one tenant from the start and hands
out a `TenantCollection`, each operation of which puts the tenant and the space into the filter or the payload itself.
What comes back is looked at once more: a point of another tenant stops everything.
"""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from precedent.errors import UsageError
from precedent.qdrant import requests
from precedent.qdrant.errors import ATTEMPTS, StoreError, StoreFault, retried
from precedent.qdrant.naming import Owner, alias, own_collection, point_id, shared_collection
from precedent.qdrant.requests import FIELDS, HASH, SPACE, TENANT, Isolation, PointId
from precedent.security.redaction import register_secret
from precedent.vectors.space import Space

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import CollectionInfo, Filter

T = TypeVar("T")
# What Qdrant's own clients take where a URL names no port.
PORT = 6333
GRPC_PORT = 6334
BULK_TIMEOUT_S = 60
SEARCH_TIMEOUT_S = 5
PAGE = 1_000
# The width of the search in a graph; below this recall falls off.
LEAST_WIDTH = 128

_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is, and what opens it; `name` is what messages call it."""

    name: str
    url: str
    key: str | None = field(default=None, repr=False)
    prefer_grpc: bool = False

    @property
    def label(self) -> str:
        """Name and URL."""
        return f"{self.name} at {self.url}"


class Server:
    """A Qdrant server as one tenant may use it."""

    def __init__(self, address: Address, owner: Owner, raw: "QdrantClient") -> None:
        self.address = address
        self.owner = owner
        self._raw = raw

    @classmethod
    def open(cls, address: Address, owner: Owner) -> "Server":
        """A client for a tenant; no request is made yet.

        Raises:
            UsageError: the package is not installed.
        """
        try:
            from qdrant_client import QdrantClient
        except ImportError:
            raise UsageError(
                "A vector store needs the package qdrant-client: install it with `pip install 'precedent[qdrant]'`."
            ) from None
        register_secret(address.key or "")
        with _opening, warnings.catch_warnings():
            # It warns of a key without TLS, which the health check says in a sentence when the row is saved.
            warnings.simplefilter("ignore")
            raw = QdrantClient(
                url=address.url,
                port=PORT,
                api_key=address.key,
                prefer_grpc=address.prefer_grpc,
                grpc_port=GRPC_PORT,
                timeout=BULK_TIMEOUT_S,
                check_compatibility=False,
            )
        return cls(address, owner, raw)

    def close(self) -> None:
        """Close the connections."""
        self._raw.close()

    def version(self) -> str:
        """The server's version, after a call that needs the key; asked once, without trying again.

        Raises:
            StoreError: it cannot be reached, or refuses the key.
        """
        self._ask(self._raw.get_collections, attempts=1)
        return str(self._ask(self._raw.info, attempts=1).version)

    def name_of(self, space: Space, isolation: Isolation) -> str:
        """The collection that holds a space."""
        if isolation is Isolation.COLLECTION:
            return own_collection(self.owner, space.id, space.profile)
        return shared_collection(space.profile)

    def prepare(self, space: Space, isolation: Isolation) -> "TenantCollection":
        """The tenant's part of a space's collection, which is made with its indexes where it is missing.

        Raises:
            StoreError: it cannot be made, or one of this name has other vectors.
        """
        name, size = self.name_of(space, isolation), space.profile.dimensions
        info = self._info(name) or self._create(name, size, isolation)
        found = requests.measures(info)
        if found != (size, "cosine"):
            text = f"collection {name} has {found[0]} dimensions and distance {found[1]}, not {size} and cosine"
            raise StoreError(self.address.label, StoreFault.INVALID, text)
        for key, schema in requests.indexes(isolation).items():
            if key not in info.payload_schema:
                self._ask(partial(self._raw.create_payload_index, name, key, schema, wait=True))
        return self.part(name, space.id)

    def part(self, name: str, space_id: int) -> "TenantCollection":
        """The tenant's part of a collection that is there."""
        return TenantCollection(self.address, self.owner, self._raw, name, space_id)

    def remove(self, name: str, space_id: int, isolation: Isolation) -> None:
        """Remove the tenant's points of a space: the collection where it is the tenant's own, else only those."""
        if self._info(name) is None:
            return
        if isolation is Isolation.COLLECTION:
            self._ask(partial(self._raw.delete_collection, name))
        else:
            self.part(name, space_id).clear()

    def point_alias(self, name: str) -> bool:
        """Let the tenant's alias point at a collection, in one call; False where it did already."""
        own = alias(self.owner)
        known = self._ask(self._raw.get_aliases).aliases
        if any((item.alias_name, item.collection_name) == (own, name) for item in known):
            return False
        self._ask(partial(self._raw.update_collection_aliases, requests.switch(own, name)))
        return True

    def _info(self, name: str) -> "CollectionInfo | None":
        try:
            return self._ask(partial(self._raw.get_collection, name))
        except StoreError as error:
            if error.fault is StoreFault.MISSING:
                return None
            raise

    def _create(self, name: str, size: int, isolation: Isolation) -> "CollectionInfo":
        try:
            self._ask(partial(self._raw.create_collection, name, **requests.layout(size, isolation)))
        except StoreError:
            found = self._info(name)
            if found is None:  # else another run has just made it
                raise
            return found
        return self._ask(partial(self._raw.get_collection, name))

    def _ask(self, call: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
        return retried(self.address.label, call, attempts=attempts)


class TenantCollection:
    """The points of one space of one tenant; there is no way to ask for others."""

    def __init__(self, address: Address, owner: Owner, raw: "QdrantClient", name: str, space_id: int) -> None:
        self.name = name
        self.space_id = space_id
        self._address, self._owner, self._raw = address, owner, raw

    def ids(self, hashes: Sequence[bytes]) -> list[str]:
        """The points of these texts."""
        return [point_id(self._owner, self.space_id, digest) for digest in hashes]

    def upsert(self, hashes: Sequence[bytes], vectors: NDArray[np.float32], *, wait: bool = True) -> None:
        """Write points, vectors of shape (len(hashes), dimensions); without `wait` they are logged, not yet found.

        Raises:
            StoreError: they could not be written.
        """
        from qdrant_client.models import Batch

        payloads = [{**self._own(), HASH: digest.hex()} for digest in hashes]
        batch = Batch(ids=list(self.ids(hashes)), vectors=vectors.tolist(), payloads=payloads)
        self._ask(lambda: self._raw.upsert(self.name, points=batch, wait=wait))

    def search(
        self, vector: NDArray[np.float32], limit: int, *, exact: bool = False, attempts: int = 1
    ) -> list[tuple[bytes, float]]:
        """The nearest texts by content hash, best first, with their cosine similarity.

        Args:
            vector: Shape (dimensions,).
            limit: How many at most.
            exact: Compare every point, whatever graph there is.
            attempts: The first included.

        Raises:
            StoreError: there was no answer, within SEARCH_TIMEOUT_S seconds an attempt.
        """
        from qdrant_client.models import SearchParams

        how = SearchParams(hnsw_ef=max(LEAST_WIDTH, limit), exact=exact)
        found = self._ask(
            lambda: self._raw.query_points(
                self.name,
                query=vector.tolist(),
                query_filter=self._fence(),
                limit=limit,
                with_payload=FIELDS,
                search_params=how,
                timeout=SEARCH_TIMEOUT_S,
            ),
            attempts=attempts,
        )
        return [(self._hash(point.payload), float(point.score)) for point in found.points]

    def count(self) -> int:
        """How many points there are, exactly."""
        return int(self._ask(lambda: self._raw.count(self.name, count_filter=self._fence(), exact=True)).count)

    def scroll(self) -> Iterator[list[tuple[PointId, bytes]]]:
        """Ids and content hashes of all points, a page at a time."""
        offset: Any = None
        while True:
            page, offset = self._page(self._fence(), offset, with_vectors=False)
            yield [(point.id, self._hash(point.payload)) for point in page]
            if offset is None:
                return

    def vectors(self, hashes: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The stored vectors of these texts, each of shape (dimensions,), at most PAGE; absent ones are left out."""
        page, _ = self._page(self._fence(self.ids(hashes)), None, with_vectors=True)
        return {self._hash(point.payload): np.asarray(point.vector, dtype=np.float32) for point in page}

    def delete(self, ids: Sequence[PointId]) -> None:
        """Remove points by id; one that is another tenant's stays."""
        self._delete(self._fence(ids))

    def clear(self) -> None:
        """Remove all points of this space of this tenant."""
        self._delete(self._fence())

    def _page(self, fence: "Filter", offset: Any, *, with_vectors: bool) -> tuple[list[Any], Any]:
        return self._ask(
            lambda: self._raw.scroll(
                self.name,
                scroll_filter=fence,
                limit=PAGE,
                offset=offset,
                with_payload=FIELDS,
                with_vectors=with_vectors,
            )
        )

    def _delete(self, fence: "Filter") -> None:
        from qdrant_client.models import FilterSelector

        self._ask(lambda: self._raw.delete(self.name, points_selector=FilterSelector(filter=fence), wait=True))

    def _own(self) -> dict[str, Any]:
        return {TENANT: self._owner.key, SPACE: self.space_id}

    def _fence(self, ids: Sequence[PointId] | None = None) -> "Filter":
        """What every request is limited to."""
        return requests.limited_to(self._own(), ids)

    def _hash(self, payload: Any) -> bytes:
        """The content hash of a point that came back, once it is seen to be the tenant's."""
        found = {key: (payload or {}).get(key) for key in (TENANT, SPACE)}
        if found != self._own():
            text = f"collection {self.name}, tenant {found[TENANT]}"
            raise StoreError(self._address.label, StoreFault.ISOLATION, text)
        return bytes.fromhex(payload[HASH])

    def _ask(self, call: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
        return retried(self._address.label, call, attempts=attempts)
