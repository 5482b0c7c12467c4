"""Trying a provider: does it answer, how fast, in how many dimensions, and does its model end soon?"""

import contextlib
import time
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict

from precedent.database.session import Database
from precedent.incidents.schema import IncidentFacts, RecommendationAnswer, RecommendationRequest
from precedent.providers.base import Capability, GenerationRequest, ModelInfo
from precedent.providers.config.defaults import retirement_warning
from precedent.providers.errors import ProviderError
from precedent.providers.runtime.endpoint import Target, open_driver
from precedent.providers.runtime.ledger import Ledger
from precedent.providers.runtime.metered_client import CallContext, MeteredDriver
from precedent.settings import Settings
from precedent.tenants import policies

SAMPLE = (
    "Checkout fails because the connection pool is exhausted.",
    "The certificate of the gateway expired during the night.",
    "def retry(call): return call()",
)
LEAST_AGREEMENT = 0.99


class Pong(BaseModel):
    """The smallest structured answer."""

    model_config = ConfigDict(extra="forbid")

    ok: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What a trial found."""

    provider: str
    reachable: bool
    latency_ms: float | None = None
    model: str | None = None
    dimensions: int | None = None
    error: str | None = None
    failure: str | None = None
    warnings: list[str] = field(default_factory=list)


def check(database: Database, settings: Settings, target: Target) -> Health:
    """Make one small call, on the ledger like any other; never raises for what a provider does."""
    policy = policies.load(database, target.tenant_id)
    ledger = Ledger(database, target.tenant_id)
    driver = MeteredDriver(target, ledger, policy, CallContext(target.tenant_id), settings)
    warnings = _warnings(target, settings)
    began = time.perf_counter()
    try:
        if target.capability is Capability.EMBEDDING:
            dimensions = driver.embed(SAMPLE, operation="check").vectors.shape[1]
            model = target.model
        else:
            dimensions, model = None, driver.generate(_question(target), operation="check").model
    except ProviderError as error:
        return Health(
            target.name, False, error=str(error), failure=error.kind.value, warnings=warnings, model=target.model
        )
    finally:
        ledger.close()
    if not target.tariff.known(target.capability):
        warnings.append(
            f"Nobody knows what {target.model} costs here: calls are unpriced unless --cost says it."
            if driver.unpriced
            else f"What {target.model} costs is said only with its answer: a budget refuses its calls unless --cost "
            "says it before."
        )
    latency = (time.perf_counter() - began) * 1000
    return Health(target.name, True, round(latency, 1), model, dimensions, warnings=warnings)


def agreement(database: Database, settings: Settings, one: Target, other: Target) -> float:
    """The lowest cosine between the vectors that two endpoints make of the same texts."""
    policy = policies.load(database, one.tenant_id)
    ledger = Ledger(database, one.tenant_id)
    context = CallContext(one.tenant_id)
    try:
        first, second = (
            MeteredDriver(target, ledger, policy, context, settings).embed(SAMPLE, operation="check").vectors
            for target in (one, other)
        )
    finally:
        ledger.close()
    if first.shape != second.shape:
        return 0.0
    products = (first * second).sum(axis=1)
    return float((products / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))).min())


def models(settings: Settings, target: Target) -> list[ModelInfo]:
    """The models that an endpoint offers.

    Raises:
        ProviderError: it could not be asked.
    """
    from precedent.providers.errors import classify

    try:
        return open_driver(target, settings).models()
    except Exception as error:
        raise classify(error) from None


def _warnings(target: Target, settings: Settings) -> list[str]:
    """What is known of the model's end, from the table in code and from the endpoint where it says."""
    shutdown = None
    # A missing list of models is no finding; the call that follows is.
    with contextlib.suppress(Exception):
        shutdown = next((m.shutdown for m in open_driver(target, settings).models() if m.id == target.model), None)
    found = retirement_warning(target.common_model, shutdown)
    return [found] if found else []


def _question(target: Target) -> GenerationRequest:
    if target.driver.name != "local":
        return GenerationRequest("Answer in JSON.", 'Answer {"ok": true}.', Pong, max_output_tokens=200)
    facts = RecommendationRequest(incident=IncidentFacts(external_id="check", title="disk full", text="no space left"))
    return GenerationRequest("", "", RecommendationAnswer, facts=facts)
