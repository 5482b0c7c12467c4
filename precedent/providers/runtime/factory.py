"""A tenant's embedder and generator, put together from its rows, policy, preference and health."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.providers import health
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.validation import same_origins, same_space
from precedent.providers.registry import driver_type
from precedent.providers.runtime import routing
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.endpoint import Endpoint, built_in, chain, endpoint_of
from precedent.providers.runtime.generator import Generator
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.runtime.routing import Route
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants.policies import TenantPolicy
from precedent.tenants.preferences import Strategy
from precedent.vectors import space as spaces
from precedent.vectors.engine.hardware import device_of, precisions
from precedent.vectors.space import Space, SpaceProfile


def open_embedder(database: Database, settings: Settings, context: CallContext) -> Embedder:
    """The tenant's embeddings: its active provider and the endpoints of its chain that serve the same model."""
    endpoints = chain(database, context.tenant_id, Capability.EMBEDDING)
    return _embedder(database, settings, context, endpoints)


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


def open_generator(database: Database, settings: Settings, context: CallContext) -> Generator:
    """The tenant's text generation: its chain, then what always answers."""
    endpoints = list(chain(database, context.tenant_id, Capability.TEXT_GENERATION))
    policy, clients = _clients(database, settings, context, Capability.TEXT_GENERATION, endpoints)
    if not any(endpoint.driver.last_resort for endpoint in endpoints):
        last = built_in(context.tenant_id, Capability.TEXT_GENERATION)
        clients.append(MeteredClient(last, clients[0].ledger, policy, context, settings))
    return Generator(clients, policy)


def comparable(one: SpaceProfile, other: SpaceProfile) -> bool:
    """True if a query embedded for one may be compared with the vectors of the other.

    A query in another precision than the passages finds the same ones; passages of two precisions never mix.
    """
    return replace(one, precision="", cut="") == replace(other, precision="", cut="")


def _embedder(database: Database, settings: Settings, context: CallContext, chained: Sequence[Endpoint]) -> Embedder:
    primary = _in_precision_in_use(database, settings, context, _as_its_files_say(settings, chained[0]))
    same = [primary, *(other for other in chained[1:] if same_space(other.provider, primary.provider))]
    policy, clients = _clients(database, settings, context, Capability.EMBEDDING, same)
    return Embedder(primary, clients, policy, settings)


def _as_its_files_say(settings: Settings, endpoint: Endpoint) -> Endpoint:
    """A local model with the dimensions of its files, and with their name where none was chosen.

    Raises:
        UsageError: other dimensions are configured.
    """
    provider = endpoint.provider
    local = open_driver(endpoint, settings).local_model()
    if local is None:
        return endpoint
    if provider.options.dimensions not in (None, local.dimensions):
        raise UsageError(
            f"{provider.name} is configured with {provider.options.dimensions} dimensions, and {local.name} makes "
            f"vectors of {local.dimensions}: set --option dimensions={local.dimensions}, or name another model."
        )
    chosen = provider.model != endpoint.driver.default_models.get(Capability.EMBEDDING)
    model = provider.model if chosen or not local.name else local.name
    if (model, provider.dimensions or local.dimensions) == (provider.model, local.dimensions):
        return endpoint
    options = provider.options.model_copy(update={"dimensions": local.dimensions})
    return replace(endpoint, provider=provider.model_copy(update={"model": model, "options": options}))


def _in_precision_in_use(database: Database, settings: Settings, context: CallContext, endpoint: Endpoint) -> Endpoint:
    """A local model in the precision of the tenant's vectors: two machines must not undo each other's work."""
    provider = endpoint.provider
    local = open_driver(endpoint, settings).local_model() if not provider.options.precision else None
    if local is None:
        return endpoint
    with database.bulk(context.tenant_id) as connection:
        used = spaces.precision_in_use(connection, provider.driver, provider.bare_model, local.revision)
    if used in (None, local.precision):
        return endpoint
    if used in precisions(device_of(provider.options.device)):
        return replace(endpoint, precision=used)
    if context.route == Route.INTERACTIVE:
        return endpoint
    raise UsageError(
        f"The tenant's vectors are {used}, which this machine does not compute, and {local.precision} ones must not "
        f"be mixed with them: refresh where {used} is computed, or let all machines agree with "
        "`precedent provider add ... --option precision=float32`."
    )


def _maker(database: Database, tenant_id: int, space: Space) -> Endpoint | None:
    """The provider that made a space: as it was then, with the credentials that its row has now."""
    made = space.made_by
    if not made:
        return None
    names = ("name", "driver", "model", "base_url", "options")
    then = Provider.model_validate({name: made[name] for name in names} | {"capability": Capability.EMBEDDING})
    for stored in repository.list(database, tenant_id):
        if (stored.provider.name, stored.provider.driver) == (then.name, then.driver):
            if stored.sealed and not same_origins(then, stored.provider):
                return None  # the key that the row has now is not for the server of then
            now = endpoint_of(stored)
            changes = {"model": then.model, "base_url": then.base_url, "options": then.options}
            return replace(now, provider=now.provider.model_copy(update=changes))
    return Endpoint(then, driver_type(then.driver).info, tenant_id)


def _clients(
    database: Database, settings: Settings, context: CallContext, capability: Capability, endpoints: Sequence[Endpoint]
) -> tuple[TenantPolicy, list[MeteredClient]]:
    policy = policies.get(database, context.tenant_id)
    preference = routing.preference_of(database, context.tenant_id, capability, Route(context.route))
    seen = health.list(database, context.tenant_id) if preference.strategy is Strategy.AUTO else {}
    ledger = Ledger(database, context.tenant_id)
    ordered = routing.order(endpoints, preference, seen)
    return policy, [MeteredClient(endpoint, ledger, policy, context, settings) for endpoint in ordered]
