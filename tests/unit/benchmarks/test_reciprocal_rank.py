from benchmarks.ranking.reciprocal_rank import reciprocal_rank_fusion


def test_fusion_prefers_what_both_rankings_have() -> None:
    fused = reciprocal_rank_fusion({"vector": [1, 2, 3], "text": [3, 4]})
    assert fused[0][0] == 3
    assert {item for item, _ in fused} == {1, 2, 3, 4}


def test_a_weight_of_zero_silences_a_ranking() -> None:
    fused = reciprocal_rank_fusion({"vector": [1, 2], "text": [2, 1]}, {"text": 0.0})
    assert [item for item, _ in fused] == [1, 2]
