"""Saving a provider: checked against its driver, the tenant's policy and its neighbours; tried before it is kept."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.trial import Draft, Trial, keep, try_all, with_measured
from precedent.providers.config.validation import check, check_same_space, refusal
from precedent.settings import Settings
from precedent.tenants import policies, tenants
from precedent.tenants.tenants import TenantRow


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved provider, whether it is new, and what its trial found (None where there was none)."""

    stored: StoredProvider
    created: bool
    trial: Trial | None


def save_tried(
    database: Database, settings: Settings, tenant: str, provider: Provider, *, replace: bool, test: bool = True
) -> Saved:
    """Add or replace a provider, after it has answered.

    The row is written and taken back first, so that the database's own rules are asked too and no transaction is open
    while the provider is tried.

    Args:
        database: The database.
        settings: Where the keys for credentials are.
        tenant: The tenant.
        provider: What is wanted.
        replace: Whether a provider of this name may be there already.
        test: Whether it must answer first.

    Raises:
        UsageError: whatever is wrong with the provider.
        PrecedentError: it did not answer, or answered otherwise than configured; nothing is stored.
    """
    draft = _written(database, settings, tenant, provider, replace=replace, keep_it=False)
    trial = None
    if test:
        trial = try_all(database, settings, [draft])[provider.name]
        provider = with_measured(provider, draft, trial)
    stored = save(database, settings, tenant, provider, replace=replace)
    if trial is not None:
        keep(database, stored, trial)
    return Saved(stored, draft.replaced is None, trial)


def save(database: Database, settings: Settings, tenant: str, provider: Provider, *, replace: bool) -> StoredProvider:
    """Add a provider, or replace the one of this name, without calling it.

    Args:
        database: The platform's.
        settings: Where the keys for credentials are.
        tenant: The tenant's name.
        provider: What is wanted.
        replace: Whether a provider of this name may be there already.

    Raises:
        UsageError: whatever is wrong with it; nothing is changed then.
        NotFoundError: there is no such tenant.
    """
    return _written(database, settings, tenant, provider, replace=replace, keep_it=True).stored


def save_in(
    session: Session,
    settings: Settings,
    owner: TenantRow,
    provider: Provider,
    *,
    replace: bool,
    together: Collection[str] = (),
) -> Draft:
    """Check and write one provider within a transaction of the tenant.

    Args:
        session: The transaction.
        settings: Where the keys for credentials are.
        owner: The tenant.
        provider: What is wanted.
        replace: Whether a provider of this name may be there already.
        together: Names of the providers that are written in the same transaction, fallbacks first: each is compared
            with its fallback when its own turn comes.

    Raises:
        UsageError: whatever is wrong with it.
        SecretError: there is no key to encrypt its credentials with.
        IntegrityError: the database's own rules, a cycle of fallbacks among them (see `validation.refusal`).
    """
    name = provider.name
    tenants.check_name(name, "provider")
    known = {stored.provider.name: stored for stored in repository.list_in(session)}
    before = known.get(name)
    if before is not None and not replace:
        raise UsageError(f"{owner.name} has a provider {name!r} already: say --replace, or choose another name.")
    if before is not None and before.provider.capability is not provider.capability:
        kept = before.provider.capability
        raise UsageError(f"{name} is for {kept}: a provider keeps its capability, add another one.")
    private = policies.get_in(session).allow_private_addresses
    stays = before is not None and bool(before.sealed) and provider.credentials is None
    check(provider, keeps_key_of=before.provider if before and stays else None, allow_private=private)
    fallback = _fallback(provider, known)
    stored = repository.save_in(session, settings, owner.id, provider)
    neighbours: tuple[StoredProvider, ...] = ()
    if provider.capability is Capability.EMBEDDING:
        neighbours = tuple(_neighbours(stored.provider, fallback, known, together))
    return Draft(stored, neighbours, before.edit_id if before else None)


def _neighbours(
    provider: Provider, fallback: StoredProvider | None, known: Mapping[str, StoredProvider], together: Collection[str]
) -> Iterator[StoredProvider]:
    """Where it falls back to and what falls back to it, if their vectors can be compared."""
    if fallback is not None:
        check_same_space(provider, fallback.provider)
        yield fallback
    for other in known.values():
        if other.provider.fallback == provider.name and other.provider.name not in together:
            check_same_space(other.provider, provider)
            yield other


def _fallback(provider: Provider, known: Mapping[str, StoredProvider]) -> StoredProvider | None:
    if provider.fallback is None:
        return None
    if provider.fallback == provider.name:
        raise UsageError(f"{provider.name} cannot fall back to itself.")
    if provider.fallback not in known:
        raise UsageError(f"This tenant has no provider {provider.fallback!r} to fall back to: add it first.")
    found = known[provider.fallback]
    if found.provider.capability is not provider.capability:
        other = found.provider.capability
        raise UsageError(f"{provider.fallback} is for {other}, not {provider.capability}: it cannot be the fallback.")
    return found


def _written(
    database: Database, settings: Settings, tenant: str, provider: Provider, *, replace: bool, keep_it: bool
) -> Draft:
    owner = tenants.get(database, tenant)
    try:
        with database.tenant(owner.id) as session:
            draft = save_in(session, settings, owner, provider, replace=replace)
            if not keep_it:
                session.rollback()
    except IntegrityError as error:
        raise refusal(error, provider.name) from None
    return draft
