"""A tenant's embedder and generator, put together from its rows, policy, preference and health."""

import contextlib
from dataclasses import replace

from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.providers.base import Capability
from precedent.providers.config.options import ModelOptions
from precedent.providers.registry import driver_type
from precedent.providers.runtime import routing
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.endpoint import Target, built_in, chain, open_driver, row_named
from precedent.providers.runtime.generator import Generator
from precedent.providers.runtime.ledger import Ledger
from precedent.providers.runtime.metered_client import CallContext, MeteredDriver
from precedent.providers.runtime.routing import Route
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants.policies import TenantPolicy
from precedent.vectors import space as spaces
from precedent.vectors.engine.hardware import device_of, precisions
from precedent.vectors.space import Space, SpaceProfile


def open_embedder(database: Database, settings: Settings, context: CallContext) -> Embedder:
    """The tenant's embeddings: its active provider and the endpoints of its chain that serve the same model."""
    targets = chain(database, context.tenant_id, Capability.EMBEDDING)
    return _embedder(database, settings, context, targets)


def open_space_embedder(database: Database, settings: Settings, context: CallContext, space: Space) -> Embedder:
    """What embeds queries for a space: the tenant's provider, or the one that the space was made with.

    While a new model's space is built, and after a rollback, search uses vectors of another model than the configured.

    Raises:
        UsageError: what made the space is not there any more.
    """
    configured = open_embedder(database, settings, context)
    if comparable(configured.profile, space.profile):
        return configured
    with contextlib.suppress(PrecedentError):
        made_by = _maker(database, context.tenant_id, space)
        found = _embedder(database, settings, context, [made_by]) if made_by else None
        if found and comparable(found.profile, space.profile):
            return found
    raise UsageError(
        f"Search uses vectors of {space.profile.model}, which nothing here can make any more; the configured model is "
        f"{configured.profile.model}: refresh all of the tenant's sources, or set the model back."
    )


def comparable(one: SpaceProfile, other: SpaceProfile) -> bool:
    """Whether a query embedded for one may be compared with the vectors of the other.

    A query in another precision than the passages finds the same ones; passages of two precisions never mix.
    """
    return replace(one, precision="", cut="") == replace(other, precision="", cut="")


def _embedder(database: Database, settings: Settings, context: CallContext, targets: list[Target]) -> Embedder:
    primary = _in_precision_in_use(database, settings, context, targets[0])
    same = [primary, *(target for target in targets[1:] if same_space(target, primary))]
    policy, drivers = _drivers(database, settings, context, Capability.EMBEDDING, same)
    return Embedder(primary, drivers, policy, settings)


def _in_precision_in_use(database: Database, settings: Settings, context: CallContext, target: Target) -> Target:
    """A local model in the precision of the tenant's vectors: two machines must not undo each other's work."""
    local = open_driver(target, settings).local_model() if not target.options.precision else None
    if local is None:
        return target
    with database.bulk(context.tenant_id) as connection:
        used = spaces.precision_in_use(connection, target.driver.name, target.bare_model, local.revision)
    if used in (None, local.precision):
        return target
    if used in precisions(device_of(target.options.device)):
        return replace(target, precision=used)
    if context.route == Route.INTERACTIVE:
        return target
    raise UsageError(
        f"The tenant's vectors are {used}, which this machine does not compute, and {local.precision} ones must not "
        f"be mixed with them: refresh where {used} is computed, or let all machines agree with "
        "`precedent provider add ... --option precision=float32`."
    )


def _maker(database: Database, tenant_id: int, space: Space) -> Target | None:
    """The provider that made a space: as it was then, with the credentials that its row has now."""
    made = space.made_by
    if not made:
        return None
    info = driver_type(made["driver"]).info
    row = row_named(database, tenant_id, made["name"])
    base = row if row and row.driver.name == info.name else built_in(tenant_id, Capability.EMBEDDING)
    return replace(
        base, name=made["name"], driver=info, model=made["model"], base_url=made["base_url"],
        options=ModelOptions.model_validate(made["options"]),
    )  # fmt: skip


def open_generator(database: Database, settings: Settings, context: CallContext) -> Generator:
    """The tenant's text generation: its chain, then the rules."""
    targets = chain(database, context.tenant_id, Capability.TEXT_GENERATION)
    policy, drivers = _drivers(database, settings, context, Capability.TEXT_GENERATION, targets)
    if all(target.driver.name != "local" for target in targets):
        last = built_in(context.tenant_id, Capability.TEXT_GENERATION)
        drivers.append(MeteredDriver(last, drivers[0].ledger, policy, context, settings))
    return Generator(drivers, policy)


def same_space(target: Target, other: Target) -> bool:
    """Whether two endpoints make vectors that may be compared: the same model, the same dimensions."""
    return target.common_model == other.common_model and target.dimensions == other.dimensions


def _drivers(
    database: Database, settings: Settings, context: CallContext, capability: Capability, targets: list[Target]
) -> tuple[TenantPolicy, list[MeteredDriver]]:
    policy = policies.load(database, context.tenant_id)
    preferred = routing.preferred(database, context.tenant_id, capability, Route(context.route))
    seen = routing.health(database, context.tenant_id) if preferred.strategy == "auto" else {}
    ledger = Ledger(database, context.tenant_id)
    ordered = routing.order(targets, preferred, seen)
    return policy, [MeteredDriver(target, ledger, policy, context, settings) for target in ordered]
