"""Saving a provider after it was tried: reached, measured, and compared with where it falls back to.

The trial is made with the row as it would be saved, and with no transaction open: a provider may take a minute. What
the trial says of a provider's health is under a revision of its own, so that a failed one blocks neither the row that
is stored nor a later attempt.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from sqlalchemy import Update, delete, update

from precedent.database.models import ProviderHealth
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.base import Capability
from precedent.providers.config import repository as rows
from precedent.providers.config.health_check import LEAST_AGREEMENT, Health, agreement, check, models
from precedent.providers.config.repository import Draft, close_breaker
from precedent.providers.config.validation import Specification
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Target
from precedent.settings import Settings

# Somebody waits for the answer: one more attempt tells a hiccup from an outage.
TRIAL_ATTEMPTS = 2
MODELS_NAMED = 12
# What may pass by itself, or is the tenant's own limit: saving without a trial can be right.
PASSING = frozenset(
    {FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE,
     FailureKind.PROVIDER_BUDGET, FailureKind.BUDGET, FailureKind.LIMIT, FailureKind.POLICY}
)  # fmt: skip
OF_THE_MODEL = frozenset({FailureKind.NOT_FOUND, FailureKind.INVALID_REQUEST, FailureKind.AUTHENTICATION})


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying an endpoint found.

    Attributes:
        health: Of the endpoint.
        agreements: The lowest cosine with each endpoint that it shares a chain with, by name.
        unmeasured: Those of them whose dimension nobody had measured before.
    """

    health: Health
    agreements: dict[str, float] = field(default_factory=dict)
    unmeasured: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved provider, whether it is new, and what its trial found (None where there was none)."""

    target: Target
    created: bool
    trial: Trial | None


def save_tried(
    database: Database, settings: Settings, tenant: str, spec: Specification, *, replace: bool, test: bool = True
) -> Saved:
    """Add or replace a provider; it must answer first unless `test` is False.

    Raises:
        UsageError: whatever is wrong with the specification.
        PrecedentError: the provider did not answer, or answered otherwise than configured; nothing is stored.
    """
    (draft,) = rows.draft(database, settings, tenant, [spec], replace=replace)
    trial = try_all(database, settings, [draft])[spec.name] if test else None
    target = rows.save(database, settings, tenant, with_measured(spec, draft, trial), replace=replace)
    if trial is not None:
        keep(database, target, trial)
    return Saved(target, draft.live is None, trial)


def try_all(database: Database, settings: Settings, drafts: Sequence[Draft]) -> dict[str, Trial]:
    """Try each draft, and its likeness with where it falls back to; the first that fails ends it.

    Raises:
        PrecedentError: with the reason; no trace is left of the trials but those on the ledger.
    """
    on_trial = {draft.target.name: trial_of(draft.target) for draft in drafts}
    try:
        return {draft.target.name: _try_one(database, settings, draft, on_trial) for draft in drafts}
    except BaseException:
        for draft in drafts:
            _forget(database, on_trial[draft.target.name], draft.live)
        raise


def test_stored(database: Database, settings: Settings, target: Target) -> Health:
    """Try a stored provider, also one whose breaker is open; it heals or is marked by what is found."""
    if target.row_id is None:
        return check(database, settings, target)
    trial = trial_of(target)
    health = check(database, settings, trial)
    with database.tenant(target.tenant_id) as session:
        if health.reachable:
            close_breaker(session, target, health.latency_ms)
        else:
            session.execute(_of_trial(trial).values(revision=target.edit))
    if health.reachable and health.dimensions and target.dimensions is None:
        rows.keep_dimensions(database, target, health.dimensions)
    return health


def with_measured(spec: Specification, draft: Draft, trial: Trial | None) -> Specification:
    """The specification with the dimension that was measured, where nobody had said one."""
    if trial is None or trial.health.dimensions is None or draft.target.dimensions is not None:
        return spec
    return replace(spec, options={**spec.options, "dimensions": trial.health.dimensions})


def keep(database: Database, target: Target, trial: Trial) -> None:
    """Record what the trial found of a provider that was saved."""
    with database.tenant(target.tenant_id) as session:
        close_breaker(session, target, trial.health.latency_ms)
    for other in trial.unmeasured:
        rows.keep_dimensions(database, other, trial.health.dimensions or 0)


def trial_of(target: Target) -> Target:
    """The same endpoint under a revision of its own, with fewer attempts."""
    attempts = min(TRIAL_ATTEMPTS, target.performance.max_attempts)
    return replace(
        target, edit=f"{target.edit}+{uuid4().hex[:8]}",
        performance=target.performance.model_copy(update={"max_attempts": attempts}),
    )  # fmt: skip


def _try_one(database: Database, settings: Settings, draft: Draft, on_trial: Mapping[str, Target]) -> Trial:
    target = on_trial[draft.target.name]
    health = check(database, settings, target)
    if not health.reachable:
        raise PrecedentError(f"{target.name} was not saved: {_sentence(health)}{_hint(settings, target, health)}")
    if target.capability is not Capability.EMBEDDING:
        return Trial(health)
    agreements: dict[str, float] = {}
    unmeasured = []
    for other in _of_its_chain(draft):
        agreements[other.name] = _agreement(database, settings, target, on_trial.get(other.name, other))
        if other.dimensions is None and other.name not in on_trial:
            unmeasured.append(other)
    return Trial(health, agreements, tuple(unmeasured))


def _of_its_chain(draft: Draft) -> Iterator[Target]:
    if draft.fallback is not None:
        yield draft.fallback
    yield from draft.dependants


def _agreement(database: Database, settings: Settings, target: Target, other: Target) -> float:
    try:
        found = agreement(database, settings, target, other)
    except ProviderError as error:
        raise PrecedentError(
            f"{target.name} was not saved: its vectors could not be compared with those of {other.name} ({error})"
        ) from None
    if found < LEAST_AGREEMENT:
        raise PrecedentError(
            f"{target.name} was not saved: {other.name} makes other vectors of the same texts (cosine {found:.3f}, at "
            f"least {LEAST_AGREEMENT} is needed), so one cannot stand in for the other."
        )
    return found


def _sentence(health: Health) -> str:
    return (health.error or "it did not answer").strip().rstrip(".") + "."


def _hint(settings: Settings, target: Target, health: Health) -> str:
    kind = FailureKind(health.failure) if health.failure else None
    if kind in OF_THE_MODEL:
        return _offered(settings, target)
    if kind is FailureKind.INVALID_ANSWER and target.dimensions:
        said = "configured" if target.options.dimensions else "published for this model"
        return f" {target.dimensions} dimensions are {said}: correct --option dimensions=N."
    return " Say --no-test to save it all the same." if kind in PASSING else ""


def _offered(settings: Settings, target: Target) -> str:
    try:
        offered = sorted(model.id for model in models(settings, target))
    except PrecedentError:
        return ""
    if not offered or target.model in offered:
        return ""
    more = f" and {len(offered) - MODELS_NAMED} more" if len(offered) > MODELS_NAMED else ""
    return f" {target.model} is not among the models offered: {', '.join(offered[:MODELS_NAMED])}{more}."


def _of_trial(trial: Target) -> Update:
    return update(ProviderHealth).where(ProviderHealth.provider == trial.name, ProviderHealth.revision == trial.edit)


def _forget(database: Database, trial: Target, live: str | None) -> None:
    """Take back what a trial that came to nothing said of a provider's health."""
    with database.tenant(trial.tenant_id) as session:
        if live is not None:
            session.execute(
                _of_trial(trial).values(revision=live, failures=0, open_until=None, reason=None, error=None)
            )
        else:
            session.execute(
                delete(ProviderHealth).where(
                    ProviderHealth.provider == trial.name, ProviderHealth.revision == trial.edit
                )
            )
