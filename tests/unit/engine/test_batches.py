import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from precedent.vectors.engine.batches import batches


@given(st.lists(st.integers(1, 512), max_size=300), st.integers(1, 4096))
def test_every_text_is_in_one_batch_within_the_budget_longest_first(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    found = list(batches(array, budget))
    rows = [int(row) for batch in found for row in batch]
    assert sorted(rows) == list(range(len(lengths)))
    assert [lengths[row] for row in rows] == sorted(lengths, reverse=True)
    for batch in found:
        assert len(batch) == 1 or len(batch) * lengths[int(batch[0])] <= budget
