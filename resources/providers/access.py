"""A tenant's embedder and generator, put together from its rows, policy, preference and health."""

from resources.database.session import Database
from resources.providers import policies, routing
from resources.providers.calling import CallContext, MeteredDriver
from resources.providers.contract import Capability
from resources.providers.embedder import Embedder
from resources.providers.generator import Generator
from resources.providers.ledger import Ledger
from resources.providers.policies import TenantPolicy
from resources.providers.routing import Route
from resources.providers.targets import Target, built_in, chain
from resources.settings import Settings


def open_embedder(database: Database, settings: Settings, context: CallContext) -> Embedder:
    """The tenant's embeddings: its active provider and the endpoints of its chain that serve the same model."""
    targets = chain(database, context.tenant_id, Capability.EMBEDDING)
    primary = targets[0]
    same = [target for target in targets if same_space(target, primary)]
    policy, drivers = _drivers(database, settings, context, Capability.EMBEDDING, same)
    return Embedder(primary, drivers, policy, settings)


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
