"""Old rows of the platform's own tables, tenant by tenant under row-level security.

Usage, its ledger and rejected records are not here: they are kept.
"""

from collections.abc import Callable, Iterator

import psycopg

from orchestration.maintenance.contract import Part, Place, Steps, Trouble
from precedent.database.pruning import Amount, Connection, Order
from precedent.errors import PrecedentError
from precedent.quality.pictures import prune_pictures
from precedent.sources.tombstones import prune_tombstones
from precedent.tenants import tenants
from precedent.vectors.expiry import prune_cached_vectors, prune_retired_spaces


def by_tenant(work: Callable[[Connection, int, Order], Iterator[Amount]]) -> Callable[[Place, Order], Steps]:
    """A part that does its work for each tenant in turn; one that fails is reported, and the others are done."""

    def prune(place: Place, order: Order) -> Steps:
        for tenant in tenants.list(place.database):
            try:
                with place.database.bulk(tenant.id) as connection:
                    yield from work(connection, tenant.id, order)
            except (psycopg.Error, PrecedentError) as error:
                # The message of a database may quote a row: the kind of the error has to do.
                yield Trouble(f"tenant {tenant.name} failed ({type(error.__cause__ or error).__name__})")

    return prune


SPACES = Part("spaces", "retired spaces that still hold vectors", 7, by_tenant(prune_retired_spaces))
TOMBSTONES = Part("tombstones", "items that their source no longer has", 90, by_tenant(prune_tombstones))
EMBEDDING_CACHE = Part(
    "embedding_cache", "kept vectors of passages that did not return", 90, by_tenant(prune_cached_vectors)
)
PICTURES = Part("pictures", "pictures of older quality reports", 30, by_tenant(prune_pictures))
