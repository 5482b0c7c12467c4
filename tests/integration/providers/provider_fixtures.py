"""A plugin: a provider on loopback, and the arguments that add it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from precedent.providers.testing.server import LoopbackServer
from tests.integration.providers.provider_servers import KEY, TEXT, VECTORS, Add, Call, KnowingWire, parsed


@pytest.fixture
def endpoint() -> Iterator[LoopbackServer]:
    """A provider that answers."""
    with LoopbackServer(KnowingWire()) as running:
        yield running


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A file with its key."""
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


@pytest.fixture
def adding(endpoint: LoopbackServer, tenant: str, key_file: Path) -> Add:
    """The arguments that add it, but for name and capability."""
    return ["--driver", "openai", "--base-url", f"{endpoint.url}/v1", "--key-file", key_file, "--tenant", tenant]


@pytest.fixture
def without_key(adding: Add, key_file: Path) -> Add:
    """The same without a key."""
    return [item for item in adding if item not in ("--key-file", key_file)]


@pytest.fixture
def two_providers(precedent: Call, adding: Add) -> None:
    """`writer` for text and `vectors` for embeddings."""
    parsed(precedent("provider", "add", "writer", "--capability", TEXT, *adding, "--json"))
    parsed(precedent("provider", "add", "vectors", "--capability", VECTORS, "--model", "vectors-1", *adding, "--json"))
