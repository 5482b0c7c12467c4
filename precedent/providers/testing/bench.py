"""Drivers against a server on loopback: how the contract calls them."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import pytest

from precedent.providers.base import Capability, Driver
from precedent.providers.classification import classify
from precedent.providers.config.provider import Provider
from precedent.providers.errors import ProviderError
from precedent.providers.generation import Completion
from precedent.providers.testing.question import question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.base import Wire
from precedent.vectors.embedding import EmbeddingBatch, checked

TEXTS = ("the pool is exhausted", "the certificate ended", "zażółć gęślą jaźń ☃", "the disk is full")
PATIENT_S, IMPATIENT_S = 20.0, 0.5


class Bench:
    """One driver's contract at work: its server, and drivers configured for it.

    Attributes:
        driver_type: The driver.
        wire: Its protocol.
        server: The server on loopback that speaks it.
    """

    def __init__(
        self, driver_type: type[Driver], wire: Wire, server: LoopbackServer, overrides: Mapping[str, Any]
    ) -> None:
        self.driver_type, self.wire, self.server, self.overrides = driver_type, wire, server, overrides
        self._shared: dict[Capability, Driver] = {}
        self._made: list[Driver] = []

    def provider(self, capability: Capability, **changes: Any) -> Provider:
        """A provider for the server; `changes` and the contract's own overrides win."""
        fields: dict[str, Any] = {
            "name": "contract",
            "driver": self.driver_type.info.name,
            "capability": capability,
            "model": self.wire.models[capability],
            "base_url": self.wire.base_url(self.server.url),
            "credentials": {"api_key": self.wire.key},
            "performance": {"timeout_s": PATIENT_S},
            **self.overrides,
            **changes,
        }
        own = {"dimensions": self.wire.dimensions} if capability is Capability.EMBEDDING else {}
        fields["options"] = {**own, **self.wire.options(self.server.url), **fields.get("options", {})}
        return Provider.model_validate(fields)

    def driver(self, capability: Capability, **changes: Any) -> Driver:
        """A new driver, closed with the bench."""
        driver = self.driver_type(self.provider(capability, **changes))
        self._made.append(driver)
        return driver

    def shared(self, capability: Capability) -> Driver:
        """One driver for all tests that configure nothing else."""
        if capability not in self._shared:
            self._shared[capability] = self.driver(capability)
        return self._shared[capability]

    def generate(self, driver: Driver | None = None) -> Completion:
        """Ask for an answer."""
        return (driver or self.shared(Capability.TEXT_GENERATION)).generate(question())

    def embed(self, driver: Driver | None = None, texts: tuple[str, ...] = TEXTS) -> EmbeddingBatch:
        """Ask for vectors and check them as the platform does."""
        batch = (driver or self.shared(Capability.EMBEDDING)).embed(texts)
        return checked(batch, len(texts), self.wire.dimensions)

    def call(self, capability: Capability, driver: Driver | None = None) -> EmbeddingBatch | Completion:
        """Ask for what the capability offers."""
        return self.embed(driver) if capability is Capability.EMBEDDING else self.generate(driver)

    def failure(self, capability: Capability, driver: Driver | None = None) -> ProviderError:
        """The classified error of a call that must fail."""
        with pytest.raises(Exception) as caught:  # noqa: PT011 - any SDK's error; what it means is asserted
            self.call(capability, driver)
        return classify(caught.value)

    def close(self) -> None:
        """Close all drivers."""
        for driver in self._made:
            driver.close()


def applies(condition: Callable[[type[Driver], Wire], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test that is part of the contract only where the condition holds."""

    def marked(test: Callable[..., None]) -> Callable[..., None]:
        test.__dict__["condition"] = condition
        return test

    return marked


@lru_cache(maxsize=32)
def imported_with(module: str) -> frozenset[str]:
    """The modules in a fresh process after importing one."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return frozenset(done.stdout.split())
