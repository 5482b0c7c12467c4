"""Trying a provider before it is saved: reached, measured, and compared with those that it shares a chain with.

The trial is made with the provider as it would be saved, and with no transaction open: it may take a minute. What is
seen of its health belongs to an edit of its own, so that a failed trial blocks neither the stored provider nor a later
attempt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers import health
from precedent.providers.config import repository
from precedent.providers.config.health_check import LEAST_AGREEMENT, HealthCheck, agreement, check, models
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Endpoint, endpoint_of
from precedent.settings import Settings

# A person waits for the answer: one more attempt tells a hiccup from an outage.
TRIAL_ATTEMPTS = 2
MODELS_NAMED = 12
# What may pass by itself, or is the tenant's own limit: saving without a trial can be right.
PASSING = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION,
        FailureKind.RATE_LIMITED,
        FailureKind.UNAVAILABLE,
        FailureKind.PROVIDER_BUDGET,
        FailureKind.BUDGET,
        FailureKind.LIMIT,
        FailureKind.POLICY,
    }
)
OF_THE_MODEL = frozenset({FailureKind.NOT_FOUND, FailureKind.INVALID_REQUEST, FailureKind.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class Draft:
    """A provider as it would be saved, with those that have to fit it.

    Attributes:
        stored: The provider.
        neighbours: Of an embedding provider: the one that it falls back to, and those that fall back to it.
        replaced: The edit that is stored now, or None for a new provider.
    """

    stored: StoredProvider
    neighbours: tuple[StoredProvider, ...]
    replaced: str | None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.stored.provider.name


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying a provider found.

    Attributes:
        health: Whether and how it answered.
        agreements: The lowest cosine with the vectors of each neighbour, by name.
        unmeasured: The neighbours whose dimension had not been measured before.
    """

    health: HealthCheck
    agreements: dict[str, float] = field(default_factory=dict)
    unmeasured: tuple[StoredProvider, ...] = ()


def try_all(database: Database, settings: Settings, drafts: Sequence[Draft]) -> dict[str, Trial]:
    """Try each draft, and compare its vectors with those of its neighbours; the first failure ends it.

    Raises:
        PrecedentError: with the reason; no trace is left of the trials but those on the ledger.
    """
    on_trial = {draft.name: trial_of(endpoint_of(draft.stored)) for draft in drafts}
    try:
        return {draft.name: _try_one(database, settings, draft, on_trial) for draft in drafts}
    except BaseException:
        for draft in drafts:
            with database.tenant(draft.stored.tenant_id) as session:
                health.forget(session, draft.name, on_trial[draft.name].edit_id, back_to=draft.replaced)
        raise


def test_stored(database: Database, settings: Settings, endpoint: Endpoint) -> HealthCheck:
    """Try a provider, also one whose breaker is open; what is found holds for it from then on."""
    if endpoint.row_id is None:
        return check(database, settings, endpoint)
    trial = trial_of(endpoint)
    found = check(database, settings, trial)
    with database.tenant(endpoint.tenant_id) as session:
        if found.reachable:
            health.reset(session, endpoint.tenant_id, endpoint.name, endpoint.edit_id, found.latency_ms)
        else:
            health.take_over(session, endpoint.name, endpoint.edit_id, seen_of=trial.edit_id)
    if found.dimensions and endpoint.provider.dimensions is None:
        repository.keep_dimensions(database, endpoint.tenant_id, endpoint.row_id, found.dimensions)
    return found


def with_measured(provider: Provider, draft: Draft, trial: Trial) -> Provider:
    """The provider with the dimension that was measured, where none was configured."""
    measured = trial.health.dimensions
    if measured is None or draft.stored.provider.dimensions is not None:
        return provider
    return provider.model_copy(update={"options": provider.options.model_copy(update={"dimensions": measured})})


def keep(database: Database, stored: StoredProvider, trial: Trial) -> None:
    """Record what the trial found of a provider that was saved."""
    with database.tenant(stored.tenant_id) as session:
        health.reset(session, stored.tenant_id, stored.provider.name, stored.edit_id, trial.health.latency_ms)
    for other in trial.unmeasured:
        repository.keep_dimensions(database, other.tenant_id, other.id, trial.health.dimensions or 0)


def trial_of(endpoint: Endpoint) -> Endpoint:
    """The same endpoint under an edit of its own, with fewer attempts."""
    provider = endpoint.provider
    attempts = min(TRIAL_ATTEMPTS, provider.performance.max_attempts)
    fewer = provider.performance.model_copy(update={"max_attempts": attempts})
    return replace(
        endpoint,
        edit_id=f"{endpoint.edit_id}+{uuid4().hex[:8]}",
        provider=provider.model_copy(update={"performance": fewer}),
    )


def _try_one(database: Database, settings: Settings, draft: Draft, on_trial: Mapping[str, Endpoint]) -> Trial:
    endpoint = on_trial[draft.name]
    found = check(database, settings, endpoint)
    if not found.reachable:
        said = (found.error or "it did not answer").strip().rstrip(".")
        raise PrecedentError(f"{endpoint.name} was not saved: {said}.{_hint(settings, endpoint, found)}")
    agreements: dict[str, float] = {}
    unmeasured = []
    for other in draft.neighbours:
        name = other.provider.name
        agreements[name] = _agreement(database, settings, endpoint, on_trial.get(name) or endpoint_of(other))
        if other.provider.dimensions is None and name not in on_trial:
            unmeasured.append(other)
    return Trial(found, agreements, tuple(unmeasured))


def _agreement(database: Database, settings: Settings, endpoint: Endpoint, other: Endpoint) -> float:
    try:
        found = agreement(database, settings, endpoint, other)
    except ProviderError as error:
        raise PrecedentError(
            f"{endpoint.name} was not saved: its vectors could not be compared with those of {other.name} ({error})"
        ) from None
    if found < LEAST_AGREEMENT:
        raise PrecedentError(
            f"{endpoint.name} was not saved: {other.name} makes other vectors of the same texts (cosine {found:.3f}, "
            f"at least {LEAST_AGREEMENT} is needed), so one cannot stand in for the other."
        )
    return found


def _hint(settings: Settings, endpoint: Endpoint, found: HealthCheck) -> str:
    """What to do about a provider that gave no usable answer; empty where the error says it."""
    provider = endpoint.provider
    if found.failure in OF_THE_MODEL:
        return _offered(settings, endpoint)
    if found.failure is FailureKind.INVALID_ANSWER and provider.dimensions:
        said = "configured" if provider.options.dimensions else "published for this model"
        return f" {provider.dimensions} dimensions are {said}: correct --option dimensions=N."
    return " Say --no-test to save it all the same." if found.failure in PASSING else ""


def _offered(settings: Settings, endpoint: Endpoint) -> str:
    model = endpoint.provider.model
    try:
        offered = sorted(found.id for found in models(settings, endpoint))
    except PrecedentError:
        return ""
    if not offered or model in offered:
        return ""
    more = f" and {len(offered) - MODELS_NAMED} more" if len(offered) > MODELS_NAMED else ""
    return f" {model} is not among the models offered: {', '.join(offered[:MODELS_NAMED])}{more}."
