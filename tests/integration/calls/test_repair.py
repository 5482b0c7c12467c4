"""An answer that cannot be used is sent back once, whatever the driver; each attempt is on the ledger with its cost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from precedent.database.session import Database
from precedent.incidents.schema import RecommendationAnswer
from precedent.providers.base import Capability
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.testing.behaviour import Behaviour
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import WIRES, GatewayWire
from precedent.settings import Settings
from tests.integration.calls.callers import QUESTION, Caller

TEXT = Capability.TEXT_GENERATION
BILL = "attempts, status, failure, input_tokens, output_tokens, cached_tokens, tokens_estimated, cost_usd, cost_source"
STRICT = replace(QUESTION, validate=RecommendationAnswer.recommendations_or_error)


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


def added(caller: Caller, driver: str, server: LoopbackServer, **options: bool) -> Endpoint:
    wire = server.wire
    assert isinstance(wire, WIRES[driver])
    model, address = wire.models[TEXT], wire.base_url(server.url)
    options = {**wire.options(server.url), **options}
    return caller.add("one", driver, TEXT, server, model=model, base_url=address, options=options)


@pytest.mark.parametrize("driver", WIRES)
def test_every_driver_is_asked_once_more_with_what_is_wrong(caller: Caller, driver: str) -> None:
    server = caller.serve(WIRES[driver]())
    endpoint = added(caller, driver, server)
    server.script([Behaviour.BAD_SCHEMA, Behaviour.OK])
    caller.ask(endpoint)
    first, second = (json.dumps(request.json) for request in server.calls)
    assert "not valid" not in first
    assert "not valid: recommendations: Field required" in second.replace("The answer does not fit: ", "")
    ((attempts, status, *_),) = caller.rows(BILL)
    assert (attempts, status) == (2, "succeeded")


@pytest.mark.parametrize("driver", WIRES)
def test_an_answer_that_the_caller_cannot_use_is_counted_exactly(caller: Caller, driver: str) -> None:
    server = caller.serve(WIRES[driver]())
    endpoint = added(caller, driver, server)
    server.script([Behaviour.EMPTY_LIST, Behaviour.OK])
    caller.ask(endpoint, question=STRICT)
    assert "holds no recommendation" in json.dumps(server.calls[1].json)
    used = server.wire.usage
    ((attempts, status, _, tokens_in, tokens_out, cached, estimated, *_),) = caller.rows(BILL)
    assert (attempts, status, estimated) == (2, "succeeded", False)
    assert (tokens_in, tokens_out, cached) == (
        2 * used.input,
        2 * used.output,
        2 * (0 if driver == "mistral" else used.cached),
    )


@pytest.mark.parametrize("json_schema", [True, False])
@pytest.mark.parametrize("first", [Behaviour.PROSE, Behaviour.BAD_SCHEMA, Behaviour.CUT])
def test_a_gateways_answer_is_repaired_and_both_are_paid_for(
    caller: Caller, first: Behaviour, json_schema: bool
) -> None:
    server = caller.serve(GatewayWire(json_schema=json_schema))
    endpoint = added(caller, "gateway", server, json_object=not json_schema)
    server.script([first, Behaviour.OK])
    caller.ask(endpoint)
    roles = [message["role"] for message in server.calls[1].json["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert caller.rows(BILL) == [(2, "succeeded", None, 84, 34, 10, False, Decimal("0.0000250000"), "gateway")]


def test_a_second_answer_of_no_use_is_the_last(caller: Caller) -> None:
    server = caller.serve(GatewayWire())
    endpoint = added(caller, "gateway", server)
    server.behave(Behaviour.EMPTY_LIST)
    with pytest.raises(ProviderError, match="holds no recommendation") as caught:
        caller.ask(endpoint, question=STRICT)
    assert (caught.value.kind, caught.value.attempts) == (FailureKind.INVALID_ANSWER, 2)
    assert len(server.calls) == 2
    assert caller.rows(BILL) == [
        (2, "failed", "invalid_answer", 84, 34, 10, False, Decimal("0.0000250000"), "gateway"),
    ]
