"""A store's server, opened for the tenant that it belongs to."""

from sqlalchemy import select

from precedent.database.models import Installation
from precedent.database.session import Database
from precedent.qdrant.client import Address, Server
from precedent.qdrant.naming import Owner
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.vector_stores.repository import StoreRow, check_place


def owner_of(database: Database, tenant_id: int) -> Owner:
    """A tenant as servers know it."""
    with database.tenant(tenant_id) as session:
        return Owner(session.scalars(select(Installation.id)).one(), tenant_id)


def open_server(database: Database, settings: Settings, row: StoreRow) -> Server:
    """A store's server for its tenant, if the tenant's policy still allows its address; no request is made yet.

    Raises:
        UsageError: the policy forbids it, or the client is not installed.
        SecretError: its key cannot be read.
    """
    check_place(policies.get(database, row.tenant_id), row.url)
    address = Address(row.name, row.url, row.key(settings), row.prefer_grpc)
    return Server.open(address, owner_of(database, row.tenant_id))
