"""A tenant with a source and a paid provider on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save as save_provider
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        yield running


@pytest.fixture
def source(precedent: Call, tenant: str, archive: Path) -> str:
    assert precedent("source", "add", f"{tenant}/records", archive)[0] == 0
    return f"{tenant}/records"


@pytest.fixture
def save(database: Database, tenant: str, server: LoopbackServer) -> Callable[..., None]:
    def call(name: str = "primary", capability: str = "text_generation", **changes: Any) -> None:
        wire = OpenAIWire()
        values: dict[str, Any] = {
            "name": name,
            "driver": "openai",
            "capability": capability,
            "base_url": wire.base_url(server.url),
            "credentials": {"api_key": wire.key},
            "active": True,
            "options": {"dimensions": 8} if capability == "embedding" else {},
            "performance": {"max_attempts": 2, "timeout_s": 5, "opens_after": 2},
            "cost": {"input_per_million": 1},
            "model": "text-embedding-3-small" if capability == "embedding" else "gpt-6-luna",
            **changes,
        }
        provider = Provider.model_validate(values)
        save_provider(database, Settings.from_environment(), tenant, provider, replace=True)

    return call
