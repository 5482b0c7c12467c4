"""What every driver must do, whatever it calls: tests for a subclass that names a driver and its wire."""

# ruff: noqa: D102, S101 - the names of tests say what they assert

import json
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any, ClassVar

import numpy as np
import pytest

from precedent.providers.base import Capability, Driver
from precedent.providers.errors import FailureKind
from precedent.providers.generation import Rejected
from precedent.providers.testing.behaviour import BAD_CONTENT, BAD_VECTORS, UNREADABLE, Behaviour, Step, vector_of
from precedent.providers.testing.bench import IMPATIENT_S, TEXTS, Bench, applies, imported_with
from precedent.providers.testing.question import PROMPT, SYSTEM, Suggestions, question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.base import Wire
from precedent.security.redaction import register_secret

KINDS = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.PROVIDER_BUDGET,
    403: FailureKind.AUTHENTICATION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.UNAVAILABLE,
    413: FailureKind.TOO_LARGE,
    422: FailureKind.INVALID_REQUEST,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.UNAVAILABLE,
    502: FailureKind.UNAVAILABLE,
    503: FailureKind.UNAVAILABLE,
    529: FailureKind.UNAVAILABLE,
}
THREADS = 8

generates = applies(lambda driver, _: Capability.TEXT_GENERATION in driver.info.capabilities)
embeds = applies(lambda driver, _: Capability.EMBEDDING in driver.info.capabilities)


class DriverContract:
    """Subclass it as `Test...`, with `driver_type` and `wire`; tests that do not apply to them are left out.

    Attributes:
        driver_type: The driver.
        wire: The protocol that it speaks.
        overrides: Fields of `Provider` that the driver needs besides.
    """

    driver_type: ClassVar[type[Driver]]
    wire: ClassVar[Wire]
    overrides: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not (hasattr(cls, "driver_type") and hasattr(cls, "wire")):
            return
        for name in dir(DriverContract):
            condition = getattr(getattr(cls, name), "condition", None)
            if condition is not None and not condition(cls.driver_type, cls.wire):
                setattr(cls, name, None)

    @generates
    def test_answer_is_parsed_with_its_usage(self, bench: Bench) -> None:
        suggestion = {"title": "Restart", "urgency": "later", "actions": ["issue:github:77"], "confidence": 0.5}
        bench.server.behave(answer={"suggestions": [suggestion]})
        completion = bench.generate()
        assert isinstance(completion.value, Suggestions)
        assert completion.value.suggestions[0].actions == ["issue:github:77"]
        assert completion.model == bench.wire.models[Capability.TEXT_GENERATION]
        assert (completion.usage, completion.cost) == (bench.wire.usage, bench.wire.cost)
        assert completion.calls == len(bench.server.calls) == 1
        sent = json.dumps(bench.server.calls[0].json)
        assert PROMPT in sent
        assert SYSTEM in sent

    @generates
    def test_empty_list_is_an_answer_of_the_right_shape(self, bench: Bench) -> None:
        bench.server.behave(Behaviour.EMPTY_LIST)
        assert bench.generate().value == Suggestions(suggestions=[])

    @generates
    @pytest.mark.parametrize("behaviour", BAD_CONTENT)
    def test_bad_content_is_an_invalid_answer_that_says_what_it_cost(self, bench: Bench, behaviour: Behaviour) -> None:
        bench.server.behave(behaviour)
        failure = bench.failure(Capability.TEXT_GENERATION)
        assert failure.kind is FailureKind.INVALID_ANSWER
        assert (failure.usage, failure.cost) == (bench.wire.usage, bench.wire.cost)
        assert len(bench.server.calls) == 1

    @generates
    def test_answer_that_was_rejected_is_sent_back(self, bench: Bench) -> None:
        rejected = Rejected("confidence is missing", '{"title": "Wait"}')
        bench.shared(Capability.TEXT_GENERATION).generate(replace(question(), rejected=rejected))
        sent = json.dumps(bench.server.calls[0].json)
        assert rejected.problem in sent
        assert json.dumps(rejected.answer)[1:-1] in sent.replace("\\\\", "\\")

    @applies(lambda driver, wire: wire.refuses and Capability.TEXT_GENERATION in driver.info.capabilities)
    def test_refusal(self, bench: Bench) -> None:
        bench.server.behave(Behaviour.REFUSAL)
        assert bench.failure(Capability.TEXT_GENERATION).kind is FailureKind.REFUSED
        assert len(bench.server.calls) == 1

    @embeds
    @pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]], ids=["several", "one"])
    def test_vectors_in_the_order_of_the_texts(self, bench: Bench, texts: tuple[str, ...]) -> None:
        batch = bench.embed(texts=texts)
        np.testing.assert_allclose(batch.vectors, _expected(bench, texts), atol=1e-6)
        assert batch.vectors.dtype == np.float32
        assert (batch.tokens, batch.cost) == (bench.wire.embedding_tokens(len(texts)), bench.wire.cost)
        assert len(bench.server.calls) == 1

    @applies(lambda driver, wire: wire.indexed and Capability.EMBEDDING in driver.info.capabilities)
    def test_vectors_are_sorted_by_index(self, bench: Bench) -> None:
        bench.server.behave(Behaviour.SHUFFLED)
        np.testing.assert_allclose(bench.embed().vectors, _expected(bench, TEXTS), atol=1e-6)

    @embeds
    @pytest.mark.parametrize("behaviour", BAD_VECTORS)
    def test_bad_vectors_are_an_invalid_answer(self, bench: Bench, behaviour: Behaviour) -> None:
        bench.server.behave(behaviour)
        assert bench.failure(Capability.EMBEDDING).kind is FailureKind.INVALID_ANSWER
        assert len(bench.server.calls) == 1

    @applies(lambda driver, wire: wire.limits_inputs and Capability.EMBEDDING in driver.info.capabilities)
    def test_too_many_inputs(self, bench: Bench) -> None:
        bench.server.behave(Behaviour.TOO_MANY_INPUTS, limit=len(TEXTS) - 1)
        assert bench.failure(Capability.EMBEDDING).kind is FailureKind.TOO_LARGE
        bench.server.behave(Behaviour.TOO_MANY_INPUTS, limit=len(TEXTS))
        assert len(bench.embed().vectors) == len(TEXTS)

    @pytest.mark.parametrize("status", KINDS)
    def test_status(self, bench: Bench, capability: Capability, status: int) -> None:
        bench.server.behave(Behaviour.STATUS, status=status)
        error = bench.failure(capability)
        assert (error.kind, error.status) == (KINDS[status], status)
        assert len(bench.server.calls) == 1

    @applies(lambda _, wire: wire.shows_headers)
    @pytest.mark.parametrize("header", ["retry-after", "llm_provider-retry-after"])
    def test_wait_is_read_from_headers(self, bench: Bench, capability: Capability, header: str) -> None:
        bench.server.behave(Behaviour.STATUS, status=429, headers={header: "7"})
        assert bench.failure(capability).retry_after == 7.0

    @applies(lambda _, wire: wire.reports_budget)
    @pytest.mark.parametrize("status", [422, 429])
    def test_exhausted_budget(self, bench: Bench, capability: Capability, status: int) -> None:
        bench.server.behave(Behaviour.BUDGET_EXCEEDED, status=status)
        assert bench.failure(capability).kind is FailureKind.PROVIDER_BUDGET
        assert len(bench.server.calls) == 1

    def test_context_overflow(self, bench: Bench, capability: Capability) -> None:
        bench.server.behave(Behaviour.CONTEXT_OVERFLOW)
        assert bench.failure(capability).kind is FailureKind.CONTEXT_OVERFLOW
        assert len(bench.server.calls) == 1

    def test_slow_answer_times_out(self, bench: Bench, capability: Capability) -> None:
        driver = bench.driver(capability, performance={"timeout_s": IMPATIENT_S})
        bench.call(capability, driver)
        bench.server.behave(Behaviour.SLOW)
        start = time.monotonic()
        assert bench.failure(capability, driver).kind is FailureKind.TIMEOUT
        assert time.monotonic() - start < IMPATIENT_S + 1
        assert len(bench.server.calls) == 1

    @pytest.mark.parametrize("behaviour", [Behaviour.BROKEN, Behaviour.RESET])
    def test_lost_connection(self, bench: Bench, capability: Capability, behaviour: Behaviour) -> None:
        bench.server.behave(behaviour)
        assert bench.failure(capability).kind is FailureKind.CONNECTION
        assert len(bench.server.calls) == 1

    def test_nobody_listens(self, bench: Bench, capability: Capability) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = bench.wire.base_url(f"http://127.0.0.1:{taken.getsockname()[1]}")
            driver = bench.driver(capability, base_url=address)
            assert bench.failure(capability, driver).kind is FailureKind.CONNECTION

    @pytest.mark.parametrize("behaviour", UNREADABLE)
    def test_unreadable_answer(self, bench: Bench, capability: Capability, behaviour: Behaviour) -> None:
        bench.server.behave(behaviour)
        assert bench.failure(capability).kind is FailureKind.INVALID_ANSWER
        assert len(bench.server.calls) == 1

    def test_wrong_key_is_refused_and_not_repeated(self, bench: Bench, capability: Capability) -> None:
        wrong = "a-wrong-key-that-the-endpoint-repeats"
        register_secret(wrong)
        error = bench.failure(capability, bench.driver(capability, credentials={"api_key": wrong}))
        assert error.kind is FailureKind.AUTHENTICATION
        assert wrong not in str(error)

    def test_secret_is_hidden_before_a_message_is_cut(self, bench: Bench, capability: Capability) -> None:
        secret = "secret-of-a-long-message-0123456789"  # noqa: S105 - known to this test only
        register_secret(secret)
        for length in range(260, 301, 5):
            bench.server.behave(Behaviour.STATUS, status=400, message="x" * length + secret)
            assert secret[:8] not in str(bench.failure(capability))

    @pytest.mark.parametrize("status", [302, 307])
    def test_a_redirect_is_not_followed(self, bench: Bench, capability: Capability, status: int) -> None:
        with LoopbackServer(bench.wire) as elsewhere:
            headers = {"Location": f"{elsewhere.url}/v1/anything"}
            bench.server.script([Step(Behaviour.STATUS, status=status, headers=headers)])
            assert bench.failure(capability).kind is FailureKind.CONFIGURATION
            assert elsewhere.requests == []

    def test_key_is_in_a_header_only(self, bench: Bench, capability: Capability) -> None:
        provider = bench.provider(capability)
        assert bench.wire.key not in repr(provider)
        assert bench.wire.key not in provider.model_dump_json()
        bench.call(capability)
        for request in bench.server.requests:
            assert bench.wire.authorised(request)
            assert bench.wire.key not in repr((request.path, request.query))
            assert bench.wire.key not in json.dumps(request.json)
        for step in (Step(Behaviour.STATUS, status=500), Behaviour.RESET, Behaviour.NOT_JSON):
            bench.server.script([step])
            assert bench.wire.key not in str(bench.failure(capability))

    def test_threads_share_a_driver(self, bench: Bench, capability: Capability) -> None:
        driver, start = bench.driver(capability), Barrier(THREADS)

        def work(number: int) -> bool:
            start.wait(timeout=30)
            if capability is Capability.TEXT_GENERATION:
                return bench.generate(driver).usage == bench.wire.usage
            texts = tuple(f"{text} {number}" for text in TEXTS)
            return np.allclose(bench.embed(driver, texts).vectors, _expected(bench, texts), atol=1e-6)

        with ThreadPoolExecutor(THREADS) as pool:
            assert list(pool.map(work, range(THREADS))) == [True] * THREADS
        assert len(bench.server.calls) == THREADS

    def test_models(self, bench: Bench, capability: Capability) -> None:
        assert bench.shared(capability).models() == list(bench.wire.listed)

    def test_close_twice(self, bench: Bench, capability: Capability) -> None:
        driver = bench.driver(capability)
        driver.close()
        bench.call(capability, bench.shared(capability))
        driver.close()

    def test_module_does_not_import_its_sdk(self) -> None:
        assert self.driver_type.info.sdk not in imported_with(self.driver_type.__module__)


def _expected(bench: Bench, texts: tuple[str, ...]) -> list[list[float]]:
    return [vector_of(text, bench.wire.dimensions) for text in texts]
