"""Every driver with its real SDK against its wire on loopback."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from precedent.providers.base import Capability
from precedent.providers.classification import classify
from precedent.providers.config.options import ModelOptions
from precedent.providers.config.provider import Provider
from precedent.providers.drivers.claude import ClaudeDriver
from precedent.providers.drivers.copilot import CopilotDriver
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.drivers.gemini import GeminiDriver
from precedent.providers.drivers.mistral import MistralDriver
from precedent.providers.drivers.ollama import OllamaDriver
from precedent.providers.drivers.openai import AzureOpenAIDriver, GrokDriver, OpenAIDriver
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.testing.behaviour import Behaviour, Step
from precedent.providers.testing.bench import Bench
from precedent.providers.testing.plugin import DriverContract
from precedent.providers.testing.question import Suggestions, question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import WIRES, CopilotWire, GatewayWire, OllamaWire, Wire
from precedent.providers.tokens import TokenUsage

pytest_plugins = ["precedent.providers.testing.plugin"]
TEXT = Capability.TEXT_GENERATION
Serve = Callable[..., Bench]


class TestOpenAI(DriverContract):
    driver_type = OpenAIDriver
    wire = WIRES["openai"]()


class TestAzureOpenAI(DriverContract):
    driver_type = AzureOpenAIDriver
    wire = WIRES["azure_openai"]()


class TestGrok(DriverContract):
    driver_type = GrokDriver
    wire = WIRES["grok"]()


class TestGateway(DriverContract):
    driver_type = GatewayDriver
    wire = WIRES["gateway"]()


class TestCopilot(DriverContract):
    driver_type = CopilotDriver
    wire = WIRES["copilot"]()


class TestClaude(DriverContract):
    driver_type = ClaudeDriver
    wire = WIRES["claude"]()


class TestGemini(DriverContract):
    driver_type = GeminiDriver
    wire = WIRES["gemini"]()


class TestMistral(DriverContract):
    driver_type = MistralDriver
    wire = WIRES["mistral"]()


class TestOllama(DriverContract):
    driver_type = OllamaDriver
    wire = WIRES["ollama"]()


class TestOllamaWithoutKey(DriverContract):
    driver_type = OllamaDriver
    wire = OllamaWire(key="")
    test_wrong_key_is_refused_and_not_repeated = None
    test_key_is_in_a_header_only = None


@pytest.fixture
def serve() -> Iterator[Serve]:
    opened: list[tuple[LoopbackServer, Bench]] = []

    def start(wire: Wire, driver_type: type[OpenAIDriver] = GatewayDriver) -> Bench:
        server = LoopbackServer(wire).__enter__()
        opened.append((server, Bench(driver_type, wire, server, {})))
        return opened[-1][1]

    yield start
    for server, bench in opened:
        bench.close()
        server.close()


def forms(bench: Bench) -> list[str]:
    return [request.json["response_format"]["type"] for request in bench.server.calls]


def test_gateway_falls_back_to_json_mode_and_remembers(serve: Serve) -> None:
    bench = serve(GatewayWire(json_schema=False))
    driver = bench.driver(TEXT)
    assert isinstance(driver.generate(question()).value, Suggestions)
    assert forms(bench) == ["json_schema", "json_object"]
    assert "urgency" in bench.server.calls[1].json["messages"][0]["content"]
    bench.server.behave()
    assert driver.generate(question()).calls == 1
    assert forms(bench) == ["json_object"]


@pytest.mark.parametrize("json_schema", [True, False])
@pytest.mark.parametrize("behaviour", [Behaviour.PROSE, Behaviour.BAD_SCHEMA, Behaviour.CUT])
def test_gateway_tells_what_an_answer_of_no_use_cost(serve: Serve, behaviour: Behaviour, json_schema: bool) -> None:
    bench = serve(GatewayWire(json_schema=json_schema))
    bench.server.behave(behaviour)
    failure = bench.failure(TEXT, bench.driver(TEXT, options={"json_object": not json_schema}))
    assert (failure.kind, len(bench.server.calls)) == (FailureKind.INVALID_ANSWER, 1)
    assert (failure.usage, failure.cost) == (TokenUsage(42, 17, 5), Decimal("0.0000125"))
    assert failure.answer


def test_gateway_does_not_give_up_json_schema_for_another_error(serve: Serve) -> None:
    bench = serve(GatewayWire())
    driver = bench.driver(TEXT)
    bench.server.script([Step(Behaviour.STATUS, status=400), Behaviour.OK])
    assert bench.failure(TEXT, driver).kind is FailureKind.INVALID_REQUEST
    assert driver.generate(question()).calls == 1
    assert forms(bench) == ["json_schema", "json_schema"]


def test_gateway_tells_of_its_key_and_prices(serve: Serve) -> None:
    driver = serve(GatewayWire()).driver(TEXT)
    assert isinstance(driver, GatewayDriver)
    info = driver.key_info()
    assert info is not None
    assert info["info"]["max_budget"] == 2.0
    assert driver.calculated_cost("gpt-6-luna", TokenUsage(1000, 500)) == Decimal("0.002")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_gateway_that_offers_neither(serve: Serve, status: int) -> None:
    driver = serve(GatewayWire(offers=status)).driver(TEXT)
    assert isinstance(driver, GatewayDriver)
    assert driver.key_info() is None
    assert driver.calculated_cost("gpt-6-luna", TokenUsage(1000, 500)) is None


def test_gateway_that_is_down_is_no_missing_offer(serve: Serve) -> None:
    bench = serve(GatewayWire(offers=503))
    with pytest.raises(Exception, match="Only proxy admin") as caught:
        bench.driver(TEXT).key_info()
    assert classify(caught.value).kind is FailureKind.UNAVAILABLE


@pytest.mark.parametrize("cost", ["NaN", "-1", "free", ""])
def test_gateway_with_a_senseless_cost(serve: Serve, cost: str) -> None:
    bench = serve(GatewayWire())
    bench.server.behave(headers={"x-litellm-response-cost": cost})
    assert bench.driver(TEXT).generate(question()).cost is None


def test_copilot_keeps_its_token_until_it_ends(serve: Serve) -> None:
    bench = serve(CopilotWire(), CopilotDriver)
    driver = bench.driver(TEXT)
    for _ in range(3):
        driver.generate(question())
    assert [request.method for request in bench.server.requests] == ["GET", "POST", "POST", "POST"]
    short = serve(CopilotWire(lifetime_s=60), CopilotDriver)
    driver = short.driver(TEXT)
    for _ in range(2):
        driver.generate(question())
    assert sum(request.method == "GET" for request in short.server.requests) >= 2


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Step(Behaviour.STATUS, status=401), FailureKind.AUTHENTICATION),
        (Step(Behaviour.STATUS, status=403), FailureKind.AUTHENTICATION),
        (Step(Behaviour.STATUS, status=429), FailureKind.RATE_LIMITED),
        (Step(Behaviour.STATUS, status=503), FailureKind.UNAVAILABLE),
        (Step(Behaviour.SLOW), FailureKind.TIMEOUT),
        (Step(Behaviour.BROKEN), FailureKind.CONNECTION),
        (Step(Behaviour.RESET), FailureKind.CONNECTION),
        (Step(Behaviour.NOT_JSON), FailureKind.INVALID_ANSWER),
        (Step(Behaviour.OTHER_SHAPE), FailureKind.INVALID_ANSWER),
        (Step(Behaviour.EMPTY_BODY), FailureKind.INVALID_ANSWER),
    ],
    ids=lambda value: f"{value.behaviour}{value.status or ''}" if isinstance(value, Step) else "",
)
def test_copilot_exchange_fails(serve: Serve, step: Step, kind: FailureKind) -> None:
    bench = serve(CopilotWire(exchange_fails=True), CopilotDriver)
    bench.server.script([step])
    assert bench.failure(TEXT, bench.driver(TEXT, performance={"timeout_s": 0.5})).kind is kind
    assert len(bench.server.requests) == 1


def test_copilot_exchange_by_https_only() -> None:
    provider = Provider(
        name="c",
        driver="copilot",
        base_url="https://example.invalid",
        credentials={"api_key": SecretStr("gho")},
        options=ModelOptions(token_url="file:///etc/passwd"),  # noqa: S106 - an address
    )
    with pytest.raises(ProviderError, match="https"):
        CopilotDriver(provider).generate(question())


OUTSIDE = """
from openai import OpenAI
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.testing.plugin import DriverContract
from precedent.providers.testing.wires import OpenAIWire

class RetryingDriver(OpenAIDriver):
    @property
    def client(self):
        return OpenAI(api_key=self.provider.api_key, base_url=self.address, max_retries=1)

class TestGood(DriverContract):
    driver_type, wire = OpenAIDriver, OpenAIWire()

class TestRetrying(DriverContract):
    driver_type, wire = RetryingDriver, OpenAIWire()
"""


def test_contract_serves_other_projects_and_catches_hidden_retries(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["precedent.providers.testing.plugin"]')
    (tmp_path / "test_outside.py").write_text(OUTSIDE)
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "test_lost_connection and reset"],
        cwd=tmp_path,
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("FAILED test_outside.py::TestRetrying") == 2
