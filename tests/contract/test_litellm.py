"""The driver `gateway` against a real LiteLLM proxy on loopback.

Opt-in, because the proxy takes three quarters of a gigabyte and 15 s to start: install `litellm[proxy]==1.106.2` in a
virtual environment of its own and say where its command is with PRECEDENT_TEST_LITELLM=/path/to/bin/litellm.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from precedent.providers.base import Capability
from precedent.providers.classification import classify
from precedent.providers.config.provider import Provider
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.errors import FailureKind
from precedent.providers.testing.behaviour import Step, answer_of
from precedent.providers.testing.bench import TEXTS
from precedent.providers.testing.question import Suggestions, question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.providers.tokens import TokenUsage
from tests.contract.litellm_proxy import OPT_IN, proxy_of

MASTER_KEY = "sk-loopback-master-key"
pytestmark = OPT_IN


def mocked(name: str, answer: str) -> dict[str, Any]:
    return {
        "model_name": name,
        "litellm_params": {"model": "openai/gpt-4o-mini", "api_key": "upstream", "mock_response": answer},
    }


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A proxy with mocked chat models and an embedding model whose upstream is a server on loopback."""
    folder = tmp_path_factory.mktemp("litellm")
    wire = OpenAIWire(key="upstream-key")
    with LoopbackServer(wire) as upstream:
        config = {
            "model_list": [
                mocked("writer", answer_of(Step())),
                mocked("prose", "I would raise the limit of the pool."),
                mocked("limited", "litellm.RateLimitError"),
                mocked("broken", "litellm.InternalServerError"),
                mocked("overflowing", "litellm.ContextWindowExceededError"),
                {
                    "model_name": "vectors",
                    "litellm_params": {
                        "model": "openai/text-embedding-3-small",
                        "api_base": wire.base_url(upstream.url),
                        "api_key": wire.key,
                    },
                },
            ],
            "litellm_settings": {"num_retries": 0},
            "general_settings": {"master_key": MASTER_KEY},
        }
        with proxy_of(folder, config) as address:
            yield address


def driver(proxy: str, model: str, key: str = MASTER_KEY, **changes: Any) -> GatewayDriver:
    capability = Capability.EMBEDDING if model == "vectors" else Capability.TEXT_GENERATION
    values = {
        "name": "litellm",
        "driver": "gateway",
        "capability": capability,
        "model": model,
        "base_url": proxy,
        "credentials": {"api_key": key},
        "performance": {"timeout_s": 20},
        **changes,
    }
    return GatewayDriver(Provider.model_validate(values))


def test_chat_answers_in_the_schema_with_tokens_and_cost(proxy: str) -> None:
    completion = driver(proxy, "writer").generate(question())
    assert isinstance(completion.value, Suggestions)
    assert completion.value.suggestions[0].title == "Raise the pool's limit"
    assert completion.usage.input > 0
    assert completion.usage.output > 0
    assert completion.cost is not None
    assert completion.cost > 0


def test_prose_is_refused(proxy: str) -> None:
    with pytest.raises(Exception, match="does not fit") as raised:
        driver(proxy, "prose").generate(question())
    assert classify(raised.value).kind is FailureKind.INVALID_ANSWER


def test_embeddings_come_back_in_order_with_their_cost(proxy: str) -> None:
    one = driver(proxy, "vectors", options={"dimensions": 8})
    batch = one.embed(TEXTS)
    assert batch.vectors.shape == (len(TEXTS), 8)
    for row, text in enumerate(TEXTS):
        assert batch.vectors[row] == pytest.approx(one.embed([text]).vectors[0], abs=1e-6)
    assert batch.tokens > 0
    assert batch.cost is not None
    assert batch.cost > 0


def test_the_gateway_calculates_what_a_call_cost(proxy: str) -> None:
    one = driver(proxy, "writer")
    cost = one.calculated_cost("gpt-4o-mini", TokenUsage(input=1_000_000, output=0))
    assert cost == pytest.approx(Decimal("0.15"))
    assert one.calculated_cost("nobody-knows-this-model", TokenUsage(input=1000)) is None


def test_key_information_without_a_database_is_not_offered(proxy: str) -> None:
    assert driver(proxy, "writer").key_info() is None


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("limited", FailureKind.RATE_LIMITED),
        ("broken", FailureKind.UNAVAILABLE),
        ("overflowing", FailureKind.CONTEXT_OVERFLOW),
    ],
)
def test_errors_are_classified(proxy: str, model: str, kind: FailureKind) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - what the SDK raises is classified below
        driver(proxy, model).generate(question())
    assert classify(raised.value).kind is kind


def test_a_wrong_key_and_an_unknown_model_are_classified(proxy: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        driver(proxy, "writer", key="sk-wrong").generate(question())
    assert classify(raised.value).kind is FailureKind.AUTHENTICATION
    with pytest.raises(Exception) as raised:  # noqa: PT011
        driver(proxy, "no-such-model").generate(question())
    assert classify(raised.value).kind in (FailureKind.NOT_FOUND, FailureKind.INVALID_REQUEST)


def test_models_are_listed(proxy: str) -> None:
    assert {"writer", "vectors"} <= {model.id for model in driver(proxy, "writer").models()}
