"""Whether a store answers, and what of a tenant's vectors it holds by what PostgreSQL knows."""

import re
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.qdrant.client import Address, Server
from precedent.security.addresses import is_internal
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.vector_stores import repository
from precedent.vector_stores.connection import open_server, owner_of
from precedent.vector_stores.repository import StoreRow, StoreSpecification

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


def check(database: Database, settings: Settings, row: StoreRow) -> StoreHealth:
    """Ask a store once, with its key; what the server does becomes the result.

    Raises:
        UsageError: the policy forbids its address, or the client is not installed.
        SecretError: its key cannot be read.
    """
    with closing(open_server(database, settings, row)) as server:
        return _ask(server)


def check_specification(
    database: Database, settings: Settings, tenant: str, spec: StoreSpecification, *, replace: bool
) -> StoreHealth:
    """Ask the server of a store that is not saved yet, if it may be saved; takes what `repository.check` takes.

    Raises:
        UsageError: something is wrong with it, or the client is not installed.
    """
    address = repository.check(database, settings, tenant, spec, replace=replace)
    owner = owner_of(database, tenancy.get(database, tenant).id)
    with closing(Server.open(address, owner)) as server:
        return _ask(server)


def coverage(database: Database, row: StoreRow) -> list[dict[str, Any]]:
    """A store's spaces, the newest first: vectors in PostgreSQL, recorded points, and whether search asks for it."""
    names = ("space", "status", "collection", "ready", "reason", "recall", "compared_at", "vectors", "points")
    with database.bulk(row.tenant_id) as connection:
        return [dict(zip(names, item, strict=True)) for item in connection.execute(COVERAGE, {"store": row.id})]


def _ask(server: Server) -> StoreHealth:
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


def _warnings(address: Address) -> list[str]:
    parts = urlsplit(address.url)
    if address.key and parts.scheme == "http" and not is_internal(parts.hostname or ""):
        return [f"The key for {address.name} travels unencrypted to a public address: use https."]
    return []
