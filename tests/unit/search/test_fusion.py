import pytest

from precedent.search.fusion import score_fusion


def test_what_both_legs_found_comes_first() -> None:
    fused = score_fusion({1: 0.9, 2: 0.8, 3: 0.1}, {2: 8.0, 4: 10.0}, 0.5)
    assert [item for item, _ in fused] == [2, 1, 4, 3]
    assert dict(fused)[2] == pytest.approx(0.5 * 7 / 8 + 0.5 * 0.8)


def test_a_score_is_between_none_and_one() -> None:
    fused = score_fusion({1: 0.4, 2: -0.2}, {1: 3.0})
    assert fused[0] == (1, pytest.approx(1.0))
    assert fused[1] == (2, 0.0)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_leg_alone_keeps_its_order(share: float) -> None:
    assert [item for item, _ in score_fusion({3: 0.7, 1: 0.5, 2: 0.4}, {}, share)] == [3, 1, 2]
    assert [item for item, _ in score_fusion({}, {3: 0.7, 1: 0.5, 2: 0.4}, share)] == [3, 1, 2]


def test_one_document_or_equal_scores_count_in_full() -> None:
    assert score_fusion({7: 0.3}, {}, 0.4) == [(7, 0.6)]
    assert score_fusion({7: 0.3, 8: 0.3}, {}, 0.4) == [(7, 0.6), (8, 0.6)]
    assert score_fusion({}, {}) == []


def test_weights_shift_the_balance() -> None:
    near, worded = {1: 0.9, 2: 0.1}, {2: 5.0}
    assert score_fusion(near, worded, 0.2)[0][0] == 1
    assert score_fusion(near, worded, 0.8)[0][0] == 2
