"""Batches that fail are halved until the texts at fault are alone."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from precedent.providers.base import BatchLimits
from precedent.providers.runtime.batches import Isolation, batches
from precedent.vectors.embedding import BatchTooLarge, Embedded, EmbeddingBatch, EmbeddingError

Embed = Callable[[Sequence[str]], EmbeddingBatch]


def batch(texts: Sequence[str]) -> EmbeddingBatch:
    """A vector for each text that says which text it belongs to."""
    return EmbeddingBatch(np.array([[1, float(text.rpartition(" ")[2])] for text in texts], np.float32), len(texts))


def texts(count: int, *bad: int) -> list[str]:
    return [f"{'bad' if number in bad else 'good'} {number}" for number in range(count)]


def run(embed: Embed, given: Sequence[str], *, inputs: int = 1_000, at_once: int = 1) -> Embedded:
    found = list(batches(given, BatchLimits(inputs=inputs)))
    return Isolation(embed, halves_failures=True).run(found, at_once=at_once)


def refusing(given: Sequence[str]) -> EmbeddingBatch:
    if any(text.startswith("bad") for text in given):
        raise EmbeddingError("refused")
    return batch(given)


@pytest.mark.parametrize(("inputs", "at_once"), [(1_000, 1), (5, 1), (5, 4)])
def test_one_bad_text_costs_only_itself(inputs: int, at_once: int) -> None:
    found = run(refusing, texts(16, 5), inputs=inputs, at_once=at_once)
    assert found.failures == {5: "refused"}
    assert list(found.positions) == [number for number in range(16) if number != 5]
    assert found.vectors is not None
    assert found.vectors[:, 1].tolist() == list(found.positions)
    assert found.tokens == 15


def test_a_provider_that_answers_nonsense_is_not_asked_for_every_text() -> None:
    calls = []

    def embed(given: Sequence[str]) -> EmbeddingBatch:
        calls.append(len(given))
        raise EmbeddingError("wrong")

    found = run(embed, texts(500))
    assert set(found.failures) == set(range(500))
    assert (found.vectors, list(found.positions)) == (None, [])
    assert len(calls) < 20


@pytest.mark.parametrize("inputs", [1_000, 100])
def test_a_provider_that_is_down_is_asked_once_and_no_text_is_blamed(inputs: int) -> None:
    calls = []

    def embed(given: Sequence[str]) -> EmbeddingBatch:
        calls.append(len(given))
        raise EmbeddingError("down", texts_at_fault=False)

    found = run(embed, texts(500), inputs=inputs)
    assert set(found.failures.values()) == {"down"}
    assert (len(found.failures), calls) == (500, [min(inputs, 500)])


def test_a_batch_that_is_too_large_is_halved_however_often_that_takes() -> None:
    def embed(given: Sequence[str]) -> EmbeddingBatch:
        if len(given) > 1:
            raise BatchTooLarge("too many inputs")
        return batch(given)

    found = run(embed, texts(300))
    assert (found.failures, len(found.positions)) == ({}, 300)


def test_what_is_embedded_as_a_whole_ends_with_the_first_failure() -> None:
    isolation = Isolation(refusing, halves_failures=False)
    with pytest.raises(EmbeddingError, match="refused"):
        isolation.run([(0, texts(8, 3))])


class NoMoneyError(Exception):
    """What ends the work at once."""


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_was_paid_for_is_kept_where_the_work_ends_early(at_once: int) -> None:
    asked: list[int] = []

    def embed(given: Sequence[str]) -> EmbeddingBatch:
        asked.append(len(given))
        if any(text.startswith("bad") for text in given):
            raise NoMoneyError
        return batch(given)

    found = run(embed, texts(20, 10), inputs=4, at_once=at_once)
    assert isinstance(found.stopped, NoMoneyError)
    assert set(range(8)) <= set(found.positions)
    assert not set(found.positions) & set(range(8, 12))
    assert found.failures == {}  # no text is blamed
    if at_once == 1:
        assert asked == [4, 4, 4]
