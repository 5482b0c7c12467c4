"""Trying a store, and what of a tenant's vectors it holds by our own book."""

import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.qdrant.client import Address, Server
from precedent.qdrant.naming import Owner
from precedent.qdrant.repository import StoreRow
from precedent.security.addresses import is_private

# The first with a tenant's own index (`is_tenant`).
OLDEST = (1, 11)
COVERAGE = """
SELECT v.space_id, coalesce(s.status, 'gone'), v.collection, v.ready, v.reason, v.recall, v.compared_at,
  (SELECT count(*) FROM embeddings e WHERE e.space_id = v.space_id),
  (SELECT count(*) FROM vector_store_rows r WHERE r.store_id = v.store_id AND r.space_id = v.space_id)
FROM vector_store_spaces v LEFT JOIN embedding_spaces s ON s.id = v.space_id
WHERE v.store_id = %(store)s ORDER BY v.space_id DESC
"""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """What a trial found."""

    store: str
    reachable: bool
    version: str | None = None
    latency_ms: float | None = None
    error: str | None = None
    warnings: list[str] = field(default_factory=list)


def check(address: Address, owner: Owner) -> StoreHealth:
    """Ask a server once, with its key; never raises for what it does.

    Raises:
        UsageError: the client is not installed.
    """
    server = Server.open(address, owner)
    try:
        return check_server(server)
    finally:
        server.close()


def check_server(server: Server) -> StoreHealth:
    """The same for a server that is open."""
    address = server.address
    began = time.perf_counter()
    try:
        version = server.version()
    except PrecedentError as error:
        return StoreHealth(address.name, False, error=str(error))
    latency = round((time.perf_counter() - began) * 1000, 1)
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < OLDEST:
        text = (
            f"The vector store {address.label} is Qdrant {version}: {'.'.join(map(str, OLDEST))} is the oldest that "
            "keeps tenants apart by an index, upgrade it."
        )
        return StoreHealth(address.name, False, version, latency, text)
    return StoreHealth(address.name, True, version, latency, None, _warnings(address))


def coverage(database: Database, row: StoreRow) -> list[dict[str, Any]]:
    """A store's spaces, the newest first: vectors in PostgreSQL, points by our book, and whether search asks it."""
    names = ("space", "status", "collection", "ready", "reason", "recall", "compared_at", "vectors", "points")
    with database.bulk(row.tenant_id) as connection:
        return [dict(zip(names, item, strict=True)) for item in connection.execute(COVERAGE, {"store": row.id})]


def _warnings(address: Address) -> list[str]:
    parts = urlsplit(address.url)
    if address.key and parts.scheme == "http" and not is_private(parts.hostname or ""):
        return [f"The key for {address.name} travels unencrypted to a public address: use https."]
    return []
