"""A tenant's providers, policy and routes written out as a declaration, and brought to what a declaration says.

Everything of a tenant is written in one transaction: either the whole declaration holds afterwards, or nothing changed.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.models import DataSource, IntelligenceProvider, Policy, Preference
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config import repository as rows
from precedent.providers.config.save import Trial, keep, try_all, with_measured
from precedent.providers.config.validation import Specification, explained
from precedent.providers.declarative import diff as differences
from precedent.providers.declarative.diff import PROVIDER, REMOVED, ROUTE, SOURCE_POLICY, UNCHANGED, Change, Stored
from precedent.providers.declarative.schema import (
    Declaration,
    PolicyEntry,
    ProviderEntry,
    RouteEntry,
    SourceEntry,
    specification,
    variable,
)
from precedent.providers.runtime import routing
from precedent.providers.runtime.routing import Preferred, Route
from precedent.security.credentials import SecretError, unsealed
from precedent.security.masking import mask
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy


@dataclass(frozen=True, slots=True)
class Plan:
    """What a declaration would change, and the providers to write, fallbacks first."""

    changes: list[Change]
    specs: list[Specification] = field(repr=False)

    @property
    def pending(self) -> list[Change]:
        """The changes that are ones."""
        return [change for change in self.changes if change.action != UNCHANGED]


def export(database: Database, settings: Settings, tenant: str) -> Declaration:
    """All that a tenant has configured; credentials as references. Readable also where a key is lost."""
    stored = _stored(database, settings, tenant)
    providers = {
        name: ProviderEntry(
            driver=spec.driver, capability=Capability(spec.capability), model=spec.model, base_url=spec.base_url,
            active=bool(spec.active), fallback=spec.fallback, description=spec.description,
            options=dict(spec.options), performance=dict(spec.performance), cost=dict(spec.cost),
            credentials={secret: f"${{{variable(name, secret)}}}" for secret in spec.secrets or {}} or None,
        )
        for name, spec in stored.providers.items()
    }  # fmt: skip
    policy = stored.policy
    if policy is not None or stored.sources:
        policy = (policy or PolicyEntry()).model_copy(update={"sources": dict(stored.sources)})
    routes: dict[Capability, dict[Route, RouteEntry]] = {}
    for (capability, route), preferred in stored.routes.items():
        entry = RouteEntry(strategy=preferred.strategy, prefer=preferred.prefer)
        routes.setdefault(capability, {})[route] = entry
    return Declaration(providers=providers, policy=policy, routes=routes or None)


def plan(database: Database, settings: Settings, tenant: str, declared: Declaration, *, prune: bool) -> Plan:
    """What a declaration would change; all of it is checked, and nothing is called or changed.

    Raises:
        UsageError: whatever is wrong with it.
        SecretError: a stored credential cannot be read to be compared; the message names its key.
    """
    wanted = {}
    for name, entry in (declared.providers or {}).items():
        with _of_provider(name):
            wanted[name] = specification(name, entry)
    specs = differences.ordered(wanted)
    compared = {name for name, spec in wanted.items() if spec.secrets is not None}
    stored = _stored(database, settings, tenant, compared)
    changes = differences.difference(wanted, declared, stored, prune=prune)
    if declared.policy and (declared.policy.mask or any(entry.mask for entry in declared.policy.sources.values())):
        mask(["someone@example.com"])  # raises where the libraries that mask are not installed
    found = Plan(changes, specs)
    _write(database, settings, tenant, declared, found, {}, take_back=True)
    return found


def apply(
    database: Database, settings: Settings, tenant: str, declared: Declaration, found: Plan, *, test: bool = True
) -> dict[str, Trial]:
    """Bring a tenant to what a plan says, in one transaction, after its new and changed providers have answered.

    Returns:
        What the trials found, by provider.

    Raises:
        PrecedentError: a provider did not answer; nothing is changed.
    """
    if not found.pending:
        return {}
    trials: dict[str, Trial] = {}
    specs = {spec.name: spec for spec in found.specs}
    tried = {change.name for change in found.changes if change.calls_for_trial} if test else set()
    if tried:
        drafts = _write(database, settings, tenant, declared, found, specs, take_back=True)
        chosen = [draft for name, draft in drafts.items() if name in tried]
        trials = try_all(database, settings, chosen)
        for draft in chosen:
            name = draft.target.name
            specs[name] = with_measured(specs[name], draft, trials[name])
    targets = _write(database, settings, tenant, declared, found, specs, take_back=False)
    for name, trial in trials.items():
        keep(database, targets[name].target, trial)
    return trials


def _write(
    database: Database, settings: Settings, tenant: str, declared: Declaration, found: Plan,
    measured: Mapping[str, Specification], *, take_back: bool,
) -> dict[str, rows.Draft]:  # fmt: skip
    """Policy first, because it says which addresses are allowed; every declared row is checked by it."""
    owner = tenancy.find(database, tenant)
    pending = {(change.kind, change.name) for change in found.pending}
    names = frozenset(spec.name for spec in found.specs)
    drafts: dict[str, rows.Draft] = {}
    try:
        with database.tenant(owner.id) as session:
            _write_policies(session, owner, declared, found)
            for spec in found.specs:
                changed = (PROVIDER, spec.name) in pending
                if changed or take_back:
                    wanted = measured.get(spec.name, spec)
                    with _of_provider(spec.name):
                        draft = rows.write(session, settings, owner, wanted, replace=True, together=names)
                    drafts[spec.name] = draft
            for change in found.changes:
                if change.kind == PROVIDER and change.action == REMOVED:
                    _refuse_needed(change.name, found)
                    rows.erase(session, tenant, change.name)
            _write_routes(session, owner, declared, found)
            if take_back:
                session.rollback()
    except IntegrityError as error:
        raise explained(error, ", ".join(sorted(names))) from None
    return drafts


@contextmanager
def _of_provider(name: str) -> Iterator[None]:
    """Say of which provider an error speaks, where there may be many."""
    try:
        yield
    except UsageError as error:
        place = f"providers.{name}"
        raise UsageError(str(error) if place in str(error) else f"{place}: {error}") from None


def _write_policies(session: Session, owner: tenancy.TenantRow, declared: Declaration, found: Plan) -> None:
    if declared.policy is None:
        return
    sources = {name: number for number, name in session.execute(select(DataSource.id, DataSource.name))}
    if unknown := sorted(set(declared.policy.sources) - set(sources)):
        known = ", ".join(sorted(sources)) or "none yet"
        raise UsageError(f"{owner.name} has no source {unknown[0]!r} for a policy (known: {known}).")
    values = declared.policy.model_dump(exclude={"sources"})
    pending = {(change.kind, change.name): change.action for change in found.pending}
    if (differences.POLICY, "tenant") in pending:
        policies.write(session, owner.id, None, values)
    for name, entry in declared.policy.sources.items():
        if (SOURCE_POLICY, name) in pending:
            policies.write(session, owner.id, sources[name], entry.model_dump())
    for (kind, name), action in pending.items():
        if (kind, action) == (SOURCE_POLICY, REMOVED):
            policies.erase(session, sources[name])


def _write_routes(session: Session, owner: tenancy.TenantRow, declared: Declaration, found: Plan) -> None:
    pending = {change.name: change.action for change in found.pending if change.kind == ROUTE}
    for name, action in pending.items():
        capability_name, route_name = name.split("/")
        capability, route = Capability(capability_name), Route(route_name)
        if action == REMOVED:
            routing.erase(session, capability, route)
        else:
            entry = (declared.routes or {})[capability][route]
            routing.write(session, owner.id, capability, route, Preferred(entry.strategy, entry.prefer))


def _refuse_needed(removed: str, found: Plan) -> None:
    for spec in found.specs:
        if spec.fallback == removed:
            raise UsageError(f"{spec.name} falls back to {removed}, which --prune would remove: declare it as well.")


def _stored(database: Database, settings: Settings, tenant: str, compared: Collection[str] = ()) -> Stored:
    """What there is; the secrets of the rows in `compared` must be readable."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        found = session.scalars(select(IntelligenceProvider).order_by(IntelligenceProvider.name)).all()
        names = {row.id: row.name for row in found}
        providers = {
            row.name: Specification(
                name=row.name, driver=row.provider, capability=row.capability or "", model=row.model,
                base_url=row.base_url, options=dict(row.model_config), performance=dict(row.performance_config),
                cost=dict(row.cost_config), fallback=names.get(row.fallback_id or 0), description=row.description,
                active=row.is_active, secrets=_secrets(row, settings, needed=row.name in compared),
            )
            for row in found
        }  # fmt: skip
        of_tenant = session.scalar(select(Policy).where(Policy.source_id.is_(None)))
        of_sources = session.execute(
            select(Policy, DataSource.name).join(DataSource, DataSource.id == Policy.source_id)
        )
        sources = {name: SourceEntry(allow_external=row.allow_external, mask=row.mask) for row, name in of_sources}
        routes = {
            (Capability(row.capability), Route(row.route)): Preferred(row.strategy, tuple(row.prefer))
            for row in session.scalars(select(Preference).order_by(Preference.capability, Preference.route))
        }
        policy = None
        if of_tenant is not None:
            policy = PolicyEntry(
                allow_external=of_tenant.allow_external, mask=of_tenant.mask,
                allow_private_addresses=of_tenant.allow_private_addresses,
                monthly_budget_usd=of_tenant.monthly_budget_usd, on_exhausted=of_tenant.on_exhausted,
                allow_unpriced=of_tenant.allow_unpriced,
            )  # fmt: skip
        return Stored(providers, policy, sources, routes)


def _secrets(row: IntelligenceProvider, settings: Settings, *, needed: bool) -> dict[str, str]:
    """A row's secrets; where only their names are wanted and the key is lost, the name that nearly all have."""
    try:
        return unsealed(settings, row.credentials, tenant_id=row.tenant_id, row_id=row.id)
    except SecretError:
        if needed:
            raise
        return {"api_key": ""}
