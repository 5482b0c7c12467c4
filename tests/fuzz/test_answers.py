"""Providers' answers through SDK, driver, metering and ledger: a checked value or one sentence, and sound figures."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from precedent.incidents import prompt
from precedent.incidents.schema import IncidentFacts, RecommendationAnswer, RecommendationRequest, drop_unknown_evidence
from precedent.providers.base import Capability
from precedent.providers.billing.pricing import MOST_USD
from precedent.providers.errors import ProviderError
from precedent.providers.tokens import MOST_TOKENS
from precedent.vectors.embedding import checked
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_sentence
from tests.fuzz.conftest import CALLS, Lab
from tests.fuzz.strategies.answers import Change, changes
from tests.integration.providers.provider_servers import RECOMMENDATION

FACTS = RecommendationRequest(incident=IncidentFacts(external_id="i", title="disk full", text="no space left"))
QUESTION = prompt.build(FACTS, max_prompt_tokens=2_000, max_output_tokens=500)
LAST = "input_tokens, output_tokens, cached_tokens, cost_usd, attempts"


@cases(200)
@given(st.sampled_from(CALLS), changes(RECOMMENDATION))
def test_an_answer_is_usable_or_a_sentence_and_is_booked_once(
    lab: Lab, call: tuple[str, Capability], change: Change
) -> None:
    client = lab.begin(call, change)
    ((before,),) = lab.rows("coalesce(max(id), 0)", "usage_records")
    with within(5.0):
        try:
            ask(client, call[1])
        except ProviderError as error:
            is_sentence(error)
    ((*tokens, cost, attempts),) = lab.rows(LAST, "usage_records", f"id > {before}")
    assert all(0 <= count <= MOST_TOKENS * attempts for count in tokens)
    assert tokens[2] <= tokens[0]
    assert 0 <= attempts <= 8
    assert cost is None or 0 <= cost <= MOST_USD * attempts
    # Money stays set aside for what has no price, and for nothing else.
    assert lab.rows("count(*)", "budget_reservations", "call_id IS NULL") == [(0,)]


def ask(client: Any, capability: Capability) -> None:
    if capability is Capability.EMBEDDING:
        batch = client.embed(["one", "two", "three"])
        checked(batch, 3, client.endpoint.provider.dimensions)
        return
    completion = client.generate(QUESTION)
    assert isinstance(completion.value, RecommendationAnswer)
    assert drop_unknown_evidence(completion.value.recommendations_or_error(), FACTS)
