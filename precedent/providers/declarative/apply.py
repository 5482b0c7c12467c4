"""A tenant's providers, policy and routes written out as a declaration, and brought to what a declaration says.

Everything of a tenant is written in one transaction: either the whole declaration holds afterwards, or nothing changed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.models import DataSource
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.save import save_in
from precedent.providers.config.trial import Draft, Trial, keep, try_all, with_measured
from precedent.providers.config.validation import refusal
from precedent.providers.declarative.diff import Action, Change, Kind, difference, ordered
from precedent.providers.declarative.schema import Declaration, referring, resolved, unset
from precedent.providers.runtime import routing
from precedent.providers.runtime.routing import Route
from precedent.security.credentials import unsealed
from precedent.security.keyring import SecretError
from precedent.settings import Settings
from precedent.tenants import policies, preferences, tenants
from precedent.tenants.preferences import Preference
from precedent.tenants.tenants import TenantRow


@dataclass(frozen=True, slots=True)
class Plan:
    """What a declaration would change.

    Attributes:
        declared: The declaration, with secrets.
        providers: Its providers, fallbacks first.
        changes: What happens to each thing that is declared or stored.
        kept: References to variables that are not set, by the provider whose stored credentials stay therefore.
    """

    declared: Declaration = field(repr=False)
    providers: list[Provider] = field(repr=False)
    changes: list[Change]
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def pending(self) -> list[Change]:
        """Changes that would modify something: all except `unchanged`."""
        return [change for change in self.changes if change.action is not Action.UNCHANGED]

    def of(self, kind: Kind) -> dict[str, Action]:
        """The pending changes of a kind, by name."""
        return {change.name: change.action for change in self.pending if change.kind is kind}


def export(database: Database, settings: Settings, tenant: str) -> Declaration:
    """All that a tenant has configured, with references in place of secrets; readable also where a key is lost."""
    return referring(_stored(database, settings, tenant))


def plan(database: Database, settings: Settings, tenant: str, declared: Declaration, *, prune: bool) -> Plan:
    """What a declaration would change; all of it is checked, and nothing is called or changed.

    Args:
        database: The database.
        settings: Where the keys for credentials are.
        tenant: The tenant.
        declared: The declaration.
        prune: Whether what it does not name is removed from the sections that it has.

    Raises:
        UsageError: whatever is wrong with it.
        SecretError: a stored credential cannot be read to be compared; the message names its key.
    """
    wanted = resolved(declared, _stored(database, settings, tenant))
    kept = {
        name: tuple(unset(provider).values())
        for name, provider in (declared.providers or {}).items()
        if provider.credentials is not None and (wanted.providers or {})[name].credentials is None
    }
    providers = ordered(wanted.providers or {})
    compared = {provider.name for provider in providers if provider.credentials is not None}
    changes = difference(wanted, _stored(database, settings, tenant, compared), prune=prune)
    found = Plan(wanted, providers, changes, kept)
    _write(database, settings, tenant, found, take_back=True)
    return found


def apply(database: Database, settings: Settings, tenant: str, found: Plan, *, test: bool = True) -> dict[str, Trial]:
    """Bring a tenant to what a plan says, in one transaction, after its new and changed providers have answered.

    Args:
        database: The platform's.
        settings: Where the keys for credentials are.
        tenant: The tenant's name.
        found: The plan.
        test: Whether new and changed providers are called first.

    Returns:
        What the trials found, by provider.

    Raises:
        PrecedentError: a provider did not answer; nothing is changed.
    """
    trials: dict[str, Trial] = {}
    tried = {change.name for change in found.changes if change.calls_for_trial} if test else set()
    if tried:
        drafts = _write(database, settings, tenant, found, take_back=True)
        trials = try_all(database, settings, [draft for name, draft in drafts.items() if name in tried])
        measured = [
            with_measured(one, drafts[one.name], trials[one.name]) if one.name in trials else one
            for one in found.providers
        ]
        found = replace(found, providers=measured)
    if found.pending:
        written = _write(database, settings, tenant, found, take_back=False)
        for name, trial in trials.items():
            keep(database, written[name].stored, trial)
    return trials


def _write(database: Database, settings: Settings, tenant: str, found: Plan, *, take_back: bool) -> dict[str, Draft]:
    """Policy first, because it says which addresses are allowed; every declared provider is checked by it."""
    owner = tenants.get(database, tenant)
    names = frozenset(provider.name for provider in found.providers)
    pending = found.of(Kind.PROVIDER)
    drafts: dict[str, Draft] = {}
    try:
        with database.tenant(owner.id) as session:
            _write_policies(session, owner, found)
            for provider in found.providers:
                if provider.name in pending or take_back:
                    with _of_provider(provider.name):
                        draft = save_in(session, settings, owner, provider, replace=True, together=names)
                    drafts[provider.name] = draft
            for name, action in pending.items():
                if action is Action.REMOVED:
                    _refuse_needed(name, found)
                    repository.delete_in(session, tenant, name)
            _write_routes(session, owner, found)
            if take_back:
                session.rollback()
    except IntegrityError as error:
        raise refusal(error, ", ".join(sorted(names))) from None
    return drafts


@contextmanager
def _of_provider(name: str) -> Iterator[None]:
    """Say which provider an error is about, where there may be many."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"providers.{name}: {error}") from None


def _write_policies(session: Session, owner: TenantRow, found: Plan) -> None:
    policy = found.declared.policy
    if policy is None:
        return
    sources = {name: number for number, name in session.execute(select(DataSource.id, DataSource.name))}
    if unknown := sorted(policy.sources.keys() - sources.keys()):
        known = ", ".join(sorted(sources)) or "none yet"
        raise UsageError(f"{owner.name} has no source {unknown[0]!r} for a policy (known: {known}).")
    if found.of(Kind.POLICY):
        policies.save_in(session, owner.id, None, policy.model_dump(exclude={"sources"}))
    for name, action in found.of(Kind.SOURCE_POLICY).items():
        if action is Action.REMOVED:
            policies.delete_in(session, sources[name])
        else:
            policies.save_in(session, owner.id, sources[name], policy.sources[name].model_dump())


def _write_routes(session: Session, owner: TenantRow, found: Plan) -> None:
    for name, action in found.of(Kind.ROUTE).items():
        capability_name, route_name = name.split("/")
        capability, route = Capability(capability_name), Route(route_name)
        if action is Action.REMOVED:
            preferences.delete(session, capability, route)
        else:
            preference = (found.declared.routes or {})[capability][route]
            routing.save_in(session, owner.id, capability, route, preference)


def _refuse_needed(removed: str, found: Plan) -> None:
    for provider in found.providers:
        if provider.fallback == removed:
            raise UsageError(
                f"{provider.name} falls back to {removed}, which --prune would remove: declare it as well."
            )


def _stored(database: Database, settings: Settings, tenant: str, compared: Collection[str] = ()) -> Declaration:
    """What a tenant has configured; the secrets of the providers in `compared` must be readable."""
    owner = tenants.get(database, tenant)
    with database.tenant(owner.id) as session:
        providers = {
            stored.provider.name: _with_secrets(stored, settings, needed=stored.provider.name in compared)
            for stored in repository.list_in(session)
        }
        policy = policies.get_in(session)
        routes: dict[Capability, dict[Route, Preference]] = {}
        for (capability, route), preference in preferences.list(session).items():
            routes.setdefault(Capability(capability), {})[Route(route)] = preference
    configured = policy.is_set or policy.sources
    return Declaration(providers=providers, policy=policy if configured else None, routes=routes or None)


def _with_secrets(stored: StoredProvider, settings: Settings, *, needed: bool) -> Provider:
    """A provider with its secrets; where only their names are wanted and the key is lost, the name that most have."""
    try:
        secrets = unsealed(settings, stored.sealed, tenant_id=stored.tenant_id, row_id=stored.id)
    except SecretError:
        if needed:
            raise
        secrets = {"api_key": ""}
    credentials = {name: SecretStr(value) for name, value in secrets.items()}
    return stored.provider.model_copy(update={"credentials": credentials})
