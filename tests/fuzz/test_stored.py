"""What the guard lets pass PostgreSQL stores and gives back, together with whatever else is on the page."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from precedent.clock import TimeBounds
from precedent.incidents import repository
from precedent.incidents.repository import AnalysisRow
from precedent.sources import registry
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.guard import guarded
from precedent.sources.sync import raw_items, raw_pages
from precedent.text import documents
from tests.fuzz.cases import cases, within
from tests.fuzz.conftest import Lab
from tests.fuzz.strategies.payloads import payloads
from tests.fuzz.strategies.values import texts
from tests.fuzz.test_records import SHAPES

pages = st.lists(payloads, min_size=1, max_size=5)
places = st.one_of(texts, st.just("a.json"))


@cases(80)
@given(pages, places, st.booleans())
def test_a_page_of_records_is_stored_and_made_into_documents(
    lab: Lab, page: list[tuple[str, Any]], file: str, live: bool
) -> None:
    found = [guarded(SHAPES[shape].record, payload, file, line) for line, (shape, payload) in enumerate(page, start=1)]
    records = {(item.kind, item.external_id): item for item in found if isinstance(item, RawRecord)}
    rejected = [item for item in found if isinstance(item, RejectedRecord)]
    with within(5.0), lab.rolled_back() as connection:
        if live:
            counts = raw_items.SyncCounts()
            raw_pages.store_page(connection, lab.tenant_id, lab.source_id, "stream", found, counts)
        else:
            counts = raw_items.store_all(connection, lab.tenant_id, lab.source_id, found)
        assert counts.rejected == len(rejected)
        stored = connection.execute(
            "SELECT kind, external_id, payload FROM raw_items WHERE source_id = %s", (lab.source_id,)
        ).fetchall()
        assert {(kind, name) for kind, name, _ in stored} == {(kind.value, name) for kind, name in records}
        ids = documents.pending(connection, lab.source_id, "1", 1, TimeBounds(), everything=True)
        rows, failed = documents.document_rows(documents.read(connection, ids, "1"), registry.extract)
        assert failed == []
        documents.write(connection, lab.tenant_id, lab.source_id, rows)
        assert documents.manifest(connection, lab.source_id)[0] == len(ids)


@cases(30)
@given(texts, texts, st.lists(st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=3), max_size=2))
def test_whatever_a_model_wrote_an_analysis_is_stored(
    lab: Lab, model: str, error: str, recommendations: list[dict[str, Any]]
) -> None:
    row = AnalysisRow(
        lab.tenant_id,
        lab.source_id,
        "INC-1",
        b"hash",
        "asked",
        "1",
        "succeeded",
        1.0,
        provider_served="served",
        model=model,
        error=error,
        recommendations=tuple(recommendations),
        attempts=({"provider": "a", "reason": error},),
    )
    with lab.rolled_back() as connection:
        repository.save(connection, row)
        ((count,),) = connection.execute("SELECT count(*) FROM analysis_runs").fetchall()
    assert count == 1
