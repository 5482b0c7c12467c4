"""Evidence of a source whose texts may not leave."""

from typing import Any, cast

import pytest

from precedent.incidents.analysis import withheld
from precedent.incidents.rules.driver import LocalDriver
from precedent.incidents.schema import Evidence, IncidentFacts, RecommendationRequest
from precedent.providers.base import Driver
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.runtime.generator import Generator
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.settings import Settings
from precedent.tenants.policies import SourcePolicy, TenantPolicy
from tests.endpoints import endpoint

KEPT, OTHER = "tickets", "statuspage"
EVIDENCE = tuple(
    Evidence(
        evidence_id=f"issue:{source}:1", kind="issue", source=source, external_id="1", title="", snippet="", score=1
    )
    for source in (KEPT, OTHER)
)
REQUEST = RecommendationRequest(incident=IncidentFacts(external_id="1", title="", text=""), evidence=EVIDENCE)


def generator(drivers: list[type[Driver]], source: str | None, **policy: Any) -> Generator:
    known = TenantPolicy(sources={KEPT: SourcePolicy(allow_external=False)}, **policy)
    ledger = Ledger(cast(Any, None), 1)  # opens nothing before a call
    context, settings = CallContext(1, source=source), Settings.from_environment()
    endpoints = [endpoint(kind, name=kind.info.name) for kind in drivers]
    return Generator([MeteredClient(one, ledger, known, context, settings) for one in endpoints], known)


@pytest.mark.parametrize(
    ("drivers", "source", "allow_external", "offered"),
    [
        ([OpenAIDriver, LocalDriver], OTHER, True, [OTHER]),
        ([OpenAIDriver, LocalDriver], None, True, [OTHER]),
        ([LocalDriver], OTHER, True, [KEPT, OTHER]),
        # No external provider is asked about an incident that may not leave itself: nothing has to be withheld.
        ([OpenAIDriver, LocalDriver], KEPT, True, [KEPT, OTHER]),
        ([OpenAIDriver, LocalDriver], OTHER, False, [KEPT, OTHER]),
    ],
)
def test_evidence_is_withheld_only_where_it_could_leave(
    drivers: list[type[Driver]], source: str | None, allow_external: bool, offered: list[str]
) -> None:
    found = withheld(REQUEST, generator(drivers, source, allow_external=allow_external))
    assert [item.source for item in found.evidence] == offered
