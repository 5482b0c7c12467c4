"""Whose policy it is that keeps a text here."""

from typing import Any, cast

import pytest

from precedent.providers.base import Capability
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.settings import Settings
from precedent.tenants.policies import SourcePolicy, TenantPolicy
from tests.endpoints import endpoint


@pytest.mark.parametrize(
    ("source", "policy", "whose"),
    [
        ("tickets", TenantPolicy(sources={"tickets": SourcePolicy(allow_external=False)}), "the source tickets"),
        ("tickets", TenantPolicy(allow_external=False), "this tenant"),
        (None, TenantPolicy(allow_external=False), "this tenant"),
    ],
)
def test_the_refusal_names_the_policy(source: str | None, policy: TenantPolicy, whose: str) -> None:
    called = endpoint(OpenAIDriver, Capability.EMBEDDING, name="vectors", model="text-embedding-3-small")
    ledger = Ledger(cast(Any, None), 1)  # nothing is called, so nothing is opened
    client = MeteredClient(called, ledger, policy, CallContext(1, source=source), Settings.from_environment())
    with pytest.raises(ProviderError, match=f"The policy of {whose} forbids external providers") as caught:
        client.embed(["a text"])
    assert (caught.value.kind, caught.value.provider) == (FailureKind.POLICY, "vectors")
