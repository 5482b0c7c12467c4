"""The contract of kinds of source as a pytest plugin: `pytest_plugins = ["precedent.sources.testing.plugin"]`.

The tests of a kind are then one class, whose name starts with `Test`:

    class TestOurKind(SourceContract):
        kind = "ours"

        def serve(self, folder): ...
        def configuration(self, server): ...
        def add(self, server): ...
        def change(self, server, item): ...
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("precedent.sources.testing")

from precedent.sources.testing.contract import SourceContract  # noqa: E402 - after the rewriting of its asserts
from precedent.testing.loopback import LoopbackServer  # noqa: E402

__all__ = ["LoopbackServer", "SourceContract"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the files of a source and its server."""
    return tmp_path


@pytest.fixture
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[LoopbackServer]:
    """The server of the class's contract, as long as a test runs."""
    with request.instance.serve(folder / "server") as started:
        yield started
