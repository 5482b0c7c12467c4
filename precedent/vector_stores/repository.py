"""Tenants' vector stores: a server each that holds a copy of the vectors; its key is encrypted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.models import VectorStore, VectorStoreSpace
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.http.addresses import origin
from precedent.qdrant.client import Address
from precedent.qdrant.requests import Isolation
from precedent.security.addresses import check_address, is_internal
from precedent.security.credentials import CredentialView, sealed, shown, unsealed
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.tenants.policies import TenantPolicy

KIND = "qdrant"
MOVED = "its address has changed since it was filled"


@dataclass(frozen=True, slots=True)
class StoreSpecification:
    """What a user says of a store.

    Attributes:
        name: The row's name.
        url: Where the server is.
        isolation: A value of `Isolation`.
        prefer_grpc: Whether points go by gRPC, on port 6334.
        secrets: `api_key`; None leaves what is stored, an empty mapping removes it.
    """

    name: str
    url: str
    isolation: str = Isolation.SHARED
    prefer_grpc: bool = False
    secrets: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A store of a tenant as its users need it; the key only encrypted."""

    id: int
    tenant_id: int
    name: str
    url: str
    isolation: Isolation
    prefer_grpc: bool
    is_active: bool
    revision: int
    stored: str | None = field(default=None, repr=False)

    def key(self, settings: Settings) -> str | None:
        """The key, decrypted now; None where there is none.

        Raises:
            SecretError: the key that encrypted it is missing.
        """
        return unsealed(settings, self.stored, tenant_id=self.tenant_id, row_id=self.id).get("api_key")

    def shown_key(self, settings: Settings) -> CredentialView:
        """What may be shown of the key."""
        return shown(settings, self.stored, tenant_id=self.tenant_id, row_id=self.id)


def active(database: Database, tenant_id: int) -> StoreRow | None:
    """The tenant's store, or None where its vectors are in PostgreSQL only."""
    with database.tenant(tenant_id) as session:
        row = session.scalar(select(VectorStore).where(VectorStore.is_active))
        return _row(row) if row is not None else None


def list(database: Database, tenant: str) -> Sequence[StoreRow]:
    """A tenant's stores, the active one first."""
    owner = tenancy.get(database, tenant)
    with database.tenant(owner.id) as session:
        rows = session.scalars(select(VectorStore).order_by(VectorStore.is_active.desc(), VectorStore.name))
        return [_row(row) for row in rows]


def get(database: Database, tenant: str, name: str) -> StoreRow:
    """The store of this name.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    stores = list(database, tenant)
    found = next((row for row in stores if row.name == name), None)
    if found is None:
        known = ", ".join(row.name for row in stores) or "none yet"
        raise NotFoundError(
            f"{tenant} has no vector store {name!r} (known: {known}): add it with `precedent store add`."
        )
    return found


def check(database: Database, settings: Settings, tenant: str, spec: StoreSpecification, *, replace: bool) -> Address:
    """The server's address with its key, if the specification may be saved; the server is not called.

    Args:
        database: Where the rows are.
        settings: Where the keys are.
        tenant: The tenant's name.
        spec: What is to be saved.
        replace: Whether a store of this name may be there already.

    Raises:
        UsageError: the first thing that is wrong.
        NotFoundError: no such tenant.
    """
    owner = tenancy.get(database, tenant)
    tenancy.check_name(spec.name, "vector store")
    if spec.isolation not in [*Isolation]:
        raise UsageError(f"There is no isolation {spec.isolation!r}: choose from {', '.join(Isolation)}.")
    check_place(policies.get(database, owner.id), spec.url)
    row = next((item for item in list(database, tenant) if item.name == spec.name), None)
    if row is None:
        return Address(spec.name, spec.url, (spec.secrets or {}).get("api_key"), spec.prefer_grpc)
    if not replace:
        raise UsageError(f"{tenant} has a vector store {spec.name!r} already: say --replace, or choose another name.")
    if row.isolation != spec.isolation:
        raise UsageError(
            f"{spec.name} is there with isolation {row.isolation}, and its points lie by it: remove it, then add it."
        )
    if spec.secrets is None and row.stored and origin(row.url) != origin(spec.url):
        raise UsageError(f"{spec.name} moves to another server: give its key again, the stored one is for {row.url}.")
    key = row.key(settings) if spec.secrets is None else spec.secrets.get("api_key")
    return Address(spec.name, spec.url, key, spec.prefer_grpc)


def save(
    database: Database, settings: Settings, tenant: str, spec: StoreSpecification, *, replace: bool
) -> tuple[StoreRow, StoreRow | None]:
    """Add or replace a store and make it the tenant's; takes what `check` takes.

    Returns:
        The store, and the one that was active before where that was another.

    Raises:
        UsageError: the first thing that is wrong; nothing is changed then.
    """
    check(database, settings, tenant, spec, replace=replace)
    owner = tenancy.get(database, tenant)
    try:
        with database.tenant(owner.id) as session:
            return _write(session, settings, owner.id, spec)
    except IntegrityError:
        raise UsageError(f"Another vector store was saved for {tenant} at the same time: try again.") from None


def delete(database: Database, row: StoreRow) -> None:
    """Remove a store's row, and with it what we know of its points."""
    with database.tenant(row.tenant_id) as session:
        session.delete(session.get_one(VectorStore, row.id))


def check_place(policy: TenantPolicy, url: str) -> None:
    """Refuse an address that the tenant's policy forbids.

    Vectors say much of the texts they were made of: where texts may not leave, vectors may not either.

    Raises:
        UsageError: with the reason.
    """
    if not url.startswith(("http://", "https://")):
        raise UsageError(
            f"{url!r} is no address of a server: write https://host:6333. The client's own engine in a file or in "
            "memory is not for use: it ignores indexes and is too slow above 20,000 vectors."
        )
    check_address(url, allow_private=policy.allow_private_addresses)
    host = urlsplit(url).hostname or ""
    if (not policy.allow_external or policy.sources_kept) and not is_internal(host):
        whose = "The tenant" if not policy.allow_external else f"Source {', '.join(sorted(policy.sources_kept))}"
        raise UsageError(
            f"{whose} keeps its texts inside, and vectors tell much of them: {host} is an external address, use a "
            "private one or change the policy with `precedent policy set`."
        )


def _write(
    session: Session, settings: Settings, tenant_id: int, spec: StoreSpecification
) -> tuple[StoreRow, StoreRow | None]:
    before = session.scalar(select(VectorStore).where(VectorStore.is_active, VectorStore.name != spec.name))
    if before is not None:
        before.is_active = False
        session.flush()
    row = session.scalar(select(VectorStore).where(VectorStore.name == spec.name))
    if row is None:
        row = VectorStore(tenant_id=tenant_id, name=spec.name, provider=KIND, is_active=True)
        session.add(row)
    else:
        row.revision += 1
        if row.base_url != spec.url:
            # Perhaps the same server by another name; the next run looks, and search waits until then.
            session.execute(
                update(VectorStoreSpace).where(VectorStoreSpace.store_id == row.id).values(ready=False, reason=MOVED)
            )
    row.base_url, row.is_active, row.updated_at = spec.url, True, func.now()
    row.configuration = {"isolation": spec.isolation, "prefer_grpc": spec.prefer_grpc}
    session.flush()
    if spec.secrets is not None:
        row.credentials = sealed(settings, spec.secrets, tenant_id=tenant_id, row_id=row.id)
    session.flush()
    session.refresh(row)
    return _row(row), _row(before) if before is not None else None


def _row(row: VectorStore) -> StoreRow:
    configuration: dict[str, Any] = row.configuration
    return StoreRow(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        url=row.base_url or "",
        isolation=Isolation(configuration.get("isolation", Isolation.SHARED)),
        prefer_grpc=bool(configuration.get("prefer_grpc")),
        is_active=row.is_active,
        revision=row.revision,
        stored=row.credentials,
    )
