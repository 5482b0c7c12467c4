"""What is in no passage is found, whatever the title and however often a text repeats itself."""

import gzip
import json

import pytest

from precedent.providers.tokens import ByteTokenCounter
from precedent.quality.measures.text_loss import text_loss, uncovered
from precedent.quality.samples import CutDocument
from precedent.text.chunking import chunk_many
from tests.unit.quality.real_vectors import ISSUES

WORDS = " ".join(f"word{n}" for n in range(600))
DOCUMENTS = {
    "plain": ("A title", WORDS),
    "no title": ("", WORDS.replace(" ", "\n")),
    "no text": ("Only a title", ""),
    "long title": (WORDS, "And a text below it."),
    "title in the text": ("word5 word6", WORDS),
    "repeats itself": ("Log", "the same line\n" * 900),
    "blanks": ("Title", f"\n\n  {WORDS}  \n\n"),
}


def cut(title: str, text: str, window: int = 64) -> CutDocument:
    (passages,) = chunk_many([(title, text)], ByteTokenCounter(window))
    return CutDocument(title, text, [passage.text for passage in passages])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_chunker_loses_nothing(name: str) -> None:
    assert uncovered(cut(*DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", ["plain", "no title", "title in the text", "blanks"])
def test_a_missing_passage_is_noticed(name: str) -> None:
    whole = cut(*DOCUMENTS[name])
    middle = len(whole.passages) // 2
    del whole.passages[middle]
    (gap,) = uncovered(whole)
    assert "word" in gap


def test_a_document_without_passages_is_lost_as_a_whole() -> None:
    assert uncovered(CutDocument("A title", "A text.", [])) == ["A title", "A text."]
    assert uncovered(CutDocument("", "", [])) == []


def test_shares_are_of_tokens() -> None:
    counter = ByteTokenCounter(64)
    whole = cut("A title", WORDS)
    lost = CutDocument(whole.title, whole.text, whole.passages[: len(whole.passages) // 2])
    found = text_loss([whole, lost], counter, passages=10, tokens=1_000, beyond=50)
    assert 0.2 < found.lost < 0.3
    assert found.cut == 0.05
    assert (found.passages, found.documents) == (10, 2)


def test_stored_counts_are_not_believed() -> None:
    whole = cut("A title", WORDS, window=128)
    # Cut for a window of 128, read by a model with one of 64.
    found = text_loss([whole], ByteTokenCounter(64), passages=1, tokens=100, beyond=0)
    assert 0.3 < found.cut < 0.6


def test_nothing_to_compare() -> None:
    found = text_loss([], ByteTokenCounter(64), passages=0, tokens=0, beyond=0)
    assert (found.cut, found.lost, found.documents) == (0.0, 0.0, 0)


@pytest.mark.records
@pytest.mark.skipif(not ISSUES.exists(), reason="the shared records are absent")
def test_real_issues_lose_nothing() -> None:
    with gzip.open(ISSUES) as lines:
        fields = [json.loads(line)["fields"] for line, _ in zip(lines, range(500), strict=False)]
    texts = [(item.get("summary") or "", item.get("description") or "") for item in fields]
    counter = ByteTokenCounter(256)
    for (title, text), passages in zip(texts, chunk_many(texts, counter), strict=True):
        assert uncovered(CutDocument(title, text, [passage.text for passage in passages])) == []
