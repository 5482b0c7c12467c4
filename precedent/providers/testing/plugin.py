"""The contract of drivers as a pytest plugin: `pytest_plugins = ["precedent.providers.testing.plugin"]`.

A driver's tests are then one class, whose name starts with `Test`:

    class TestOurDriver(DriverContract):
        driver_type = OurDriver
        wire = OurWire()
"""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("precedent.providers.testing.contract")

from precedent.providers.testing.bench import Bench  # noqa: E402 - after the rewriting of its asserts
from precedent.providers.testing.contract import DriverContract  # noqa: E402
from precedent.providers.testing.server import LoopbackServer  # noqa: E402

__all__ = ["Bench", "DriverContract", "LoopbackServer"]


@pytest.fixture(scope="class")
def running_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A server with the class's wire, and drivers for it, as long as the class runs."""
    contract = request.cls
    with LoopbackServer(contract.wire) as server:
        bench = Bench(contract.driver_type, contract.wire, server, contract.overrides)
        yield bench
        bench.close()


@pytest.fixture
def bench(running_bench: Bench) -> Bench:
    """The class's bench, with a server that behaves and has seen nothing."""
    running_bench.server.behave()
    return running_bench


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for a capability once for each that the driver declares."""
    if metafunc.cls and issubclass(metafunc.cls, DriverContract) and "capability" in metafunc.fixturenames:
        metafunc.parametrize("capability", sorted(metafunc.cls.driver_type.info.capabilities))
