"""Records into texts, passages and masked texts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from precedent.providers.tokens import ByteTokenCounter
from precedent.security.masking import mask
from precedent.sources import registry
from precedent.sources.records import RawRecord
from precedent.sources.shapes.cleaning import clean
from precedent.sources.shapes.guard import guarded
from precedent.text.chunking import chunk
from precedent.text.documents import RawText, document_row
from precedent.text.extract.markup import Markup, clean_text
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_storable
from tests.fuzz.strategies.payloads import SOUND, payloads
from tests.fuzz.strategies.values import changed, texts
from tests.fuzz.test_records import SHAPES

COUNTER = ByteTokenCounter(64)


def storable(text: str) -> str:
    """A text as the guard of records lets it pass."""
    return str(clean(text)[0])


comments = st.sampled_from(["github_comment", "github_review", "gitlab_note", "mapped"]).flatmap(
    lambda shape: st.tuples(st.just(shape), changed(SOUND[shape]))
)


@cases(120)
@given(payloads)
def test_every_record_has_a_text_that_can_be_stored_cut_and_masked(case: tuple[str, Any]) -> None:
    record = guarded(SHAPES[case[0]].record, case[1], "file", 1)
    if not isinstance(record, RawRecord):
        return
    raw = RawText(1, record.kind.value, record.shape, record.external_id, record.payload, None, None, b"")
    with within(5.0):
        row = document_row(raw, registry.extract)
        passages = chunk(row.title, row.text, COUNTER)
        masked = [mask(part.text) for part in passages]
    is_storable([value for value in row.values() if not isinstance(value, bytes)])
    assert row.title
    assert passages
    for part in passages:
        assert part.tokens <= COUNTER.window
        assert COUNTER.counts_of_many([part.text])[0] <= COUNTER.window
    is_storable(masked)


@cases(60)
@given(comments)
def test_every_comment_has_words_that_can_be_stored(case: tuple[str, Any]) -> None:
    record = guarded(SHAPES[case[0]].record, case[1], "file", 1)
    if not isinstance(record, RawRecord):
        return
    with within(5.0):
        found = registry.extract(record.shape, record.payload)
    is_storable([found.text, found.author, found.url])
    is_storable([part for said in found.comments for part in (said.external_id, said.text, said.author, said.url)])


@cases(120)
@given(texts, st.sampled_from([*Markup, None]), st.booleans())
def test_any_markup_is_a_text_in_bounded_time(text: str, markup: Markup | None, quotes: bool) -> None:
    with within(5.0):
        found = clean_text(storable(text), markup, quotes=quotes)
    is_storable(found)


@cases(80)
@given(texts, st.integers(8, 300), st.integers(0, 40))
def test_any_text_is_cut_into_passages_that_fit_and_hold_all_of_it(text: str, window: int, overlap: int) -> None:
    counter = ByteTokenCounter(window)
    text = storable(text)
    with within(5.0):
        passages = chunk("Title", text, counter, overlap_tokens=overlap)
    covered = {place for part in passages for place in range(part.body_start, part.body_end)}
    assert all(place in covered for place, sign in enumerate(text) if not sign.isspace())
    assert all(counter.counts_of_many([part.text])[0] <= window for part in passages)
