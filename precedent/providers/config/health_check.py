"""Calling a provider once: does it answer, how fast, in how many dimensions, and does its model end soon?"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from pydantic import BaseModel, ConfigDict

from precedent.database.session import Database
from precedent.providers.base import Capability, ModelInfo
from precedent.providers.classification import classify
from precedent.providers.config.defaults import retirement_warning
from precedent.providers.deadline import within
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import GenerationRequest
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.runtime.open_drivers import open_driver
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


QUESTION = GenerationRequest("Answer in JSON.", 'Answer {"ok": true}.', Pong, max_output_tokens=200, data=Pong(ok=True))


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """What one call of a provider found.

    Attributes:
        provider: Its name.
        reachable: Whether it gave a usable answer.
        latency_ms: How long that took, attempts and waits included.
        model: The model that served, or is configured.
        dimensions: Of its vectors.
        error: Why there was no usable answer.
        failure: The kind of that error.
        warnings: What its owner should know all the same.
    """

    provider: str
    reachable: bool
    latency_ms: float | None = None
    model: str | None = None
    dimensions: int | None = None
    error: str | None = None
    failure: FailureKind | None = None
    warnings: list[str] = field(default_factory=list)


def check(database: Database, settings: Settings, endpoint: Endpoint) -> HealthCheck:
    """Make one small call, on the ledger like any other; a failure of the provider is a finding, not an exception."""
    name, provider = endpoint.name, endpoint.provider
    warnings = _warnings(settings, endpoint)
    with contextlib.closing(Ledger(database, endpoint.tenant_id)) as ledger:
        client = _client(database, settings, ledger, endpoint)
        began = time.perf_counter()
        try:
            if provider.capability is Capability.EMBEDDING:
                dimensions, model = client.embed(SAMPLE, operation="check").vectors.shape[1], provider.model
            else:
                dimensions, model = None, client.generate(QUESTION, operation="check").model
        except ProviderError as error:
            return HealthCheck(
                name, False, model=provider.model, error=str(error), failure=error.kind, warnings=warnings
            )
    latency = round((time.perf_counter() - began) * 1000, 1)
    if not endpoint.tariff.known(provider.capability):
        warnings.append(
            f"The price of {provider.model} here is not known: calls are unpriced unless --cost says it."
            if client.totals.unpriced
            else f"The price of {provider.model} is known only with its answer: a budget refuses its calls unless "
            "--cost says it before."
        )
    return HealthCheck(name, True, latency, model, dimensions, warnings=warnings)


def agreement(database: Database, settings: Settings, one: Endpoint, other: Endpoint) -> float:
    """The lowest cosine between the vectors that two endpoints make of the same texts.

    Raises:
        ProviderError: one of them gave no usable answer.
    """
    with contextlib.closing(Ledger(database, one.tenant_id)) as ledger:
        first, second = (
            _client(database, settings, ledger, endpoint).embed(SAMPLE, operation="check").vectors
            for endpoint in (one, other)
        )
    if first.shape != second.shape:
        return 0.0
    products = (first * second).sum(axis=1)
    return float((products / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))).min())


def models(settings: Settings, endpoint: Endpoint) -> Sequence[ModelInfo]:
    """The models that an endpoint offers.

    Raises:
        ProviderError: it could not be asked.
    """
    try:
        return within(endpoint.provider.performance.deadline_s, open_driver(endpoint, settings).models)
    except Exception as error:
        raise classify(error) from None


def _client(database: Database, settings: Settings, ledger: Ledger, endpoint: Endpoint) -> MeteredClient:
    policy = policies.get(database, endpoint.tenant_id)
    return MeteredClient(endpoint, ledger, policy, CallContext(endpoint.tenant_id), settings)


def _warnings(settings: Settings, endpoint: Endpoint) -> list[str]:
    """What is known of the model's end, from the table in code and from the endpoint where it says."""
    provider = endpoint.provider
    shutdown: date | None = None
    # A missing list of models is no finding; the call that follows is one.
    with contextlib.suppress(ProviderError):
        shutdown = next((found.shutdown for found in models(settings, endpoint) if found.id == provider.model), None)
    found = retirement_warning(provider.common_model, shutdown)
    return [found] if found else []
