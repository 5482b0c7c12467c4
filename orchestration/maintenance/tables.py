"""Old rows of the platform's own tables, tenant by tenant under row-level security.

Usage, its ledger and rejected records are not here: they are kept.
"""

from collections.abc import Callable, Iterator

import psycopg

from orchestration.maintenance.contract import Order, Part, Place, Steps, Trouble
from precedent.database.pruning import Amount, Connection
from precedent.errors import PrecedentError
from precedent.quality.pictures import prune_pictures
from precedent.sources.tombstones import prune_tombstones
from precedent.tenants import tenants
from precedent.vectors.expiry import prune_cached_vectors, prune_retired_spaces

Work = Callable[[Connection, int, Order], Iterator[Amount]]


def tenant_by_tenant(work: Work) -> Callable[[Place, Order], Steps]:
    """A part that does its work for each tenant; one that fails is reported, and the others are done.

    Args:
        work: Takes a connection that is bound to the tenant, the tenant's id and the order.
    """

    def prune(place: Place, order: Order) -> Steps:
        for tenant in tenants.every(place.database):
            try:
                with place.database.bulk(tenant.id) as connection:
                    yield from work(connection, tenant.id, order)
            except (psycopg.Error, PrecedentError) as error:
                # The message of a database may quote a row: the kind of the error has to do.
                yield Trouble(f"tenant {tenant.name} failed ({type(error.__cause__ or error).__name__})")

    return prune


SPACES = Part(
    "spaces",
    "retired spaces that still hold vectors",
    7,
    tenant_by_tenant(
        lambda held, tenant_id, order: prune_retired_spaces(held, tenant_id, order.before, dry_run=order.dry_run)
    ),
)
TOMBSTONES = Part(
    "tombstones",
    "items that their source no longer has",
    90,
    tenant_by_tenant(lambda held, _, order: prune_tombstones(held, order.before, dry_run=order.dry_run)),
)
EMBEDDING_CACHE = Part(
    "embedding_cache",
    "kept vectors of passages that did not return",
    90,
    tenant_by_tenant(lambda held, _, order: prune_cached_vectors(held, order.before, dry_run=order.dry_run)),
)
PICTURES = Part(
    "pictures",
    "pictures of older quality reports",
    30,
    tenant_by_tenant(lambda held, _, order: prune_pictures(held, order.before, dry_run=order.dry_run)),
)
