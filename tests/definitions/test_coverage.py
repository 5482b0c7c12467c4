"""What the code derives from the asset graph, compared with the graph itself."""

import dagster as dg
import pytest

from assets.condition import COVERS_ALL_BELOW
from assets.definition import PER_SOURCE
from assets.partitions import source_partitions
from orchestration.coverage import below, coverage_tags, covers_all_below, layers
from orchestration.definitions import defs
from orchestration.refresh_run import RefreshOptions
from precedent.errors import UsageError

GRAPH = defs.resolve_asset_graph()


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(name)


def test_what_is_below_an_asset_is_all_that_automation_makes_from_it() -> None:
    for asset in GRAPH.materializable_asset_keys - {key("reports/usage_cost")}:
        for ancestor in GRAPH.get_ancestor_asset_keys(asset):
            assert asset in below(GRAPH, ancestor)
    assert below(GRAPH, key("raw/issues")) == GRAPH.materializable_asset_keys - {
        made for made in GRAPH.materializable_asset_keys if made.path[0] == "raw"
    } - {key("reports/usage_cost")}


def test_the_report_of_spending_names_what_spends_and_is_started_by_none_of_it() -> None:
    report = GRAPH.get(key("reports/usage_cost"))
    spends = {key("vectors/embeddings"), key("reports/vector_quality"), key("incidents/recommendations")}
    assert report.parent_keys == spends
    assert report.automation_condition is None
    assert not any(report.key in below(GRAPH, asset) for asset in GRAPH.materializable_asset_keys)
    assert all(report.key not in assets for assets in layers(GRAPH).values())


@pytest.mark.parametrize(
    ("made", "covers"),
    [
        (["incidents/recommendations"], True),
        (["vectors/embeddings"], False),
        (["vectors/embeddings", "vectors/qdrant_index", "reports/vector_quality", "incidents/recommendations"], True),
        (["text/chunks", "vectors/qdrant_index", "reports/vector_quality", "incidents/recommendations"], False),
        (["raw/issues"], False),
        ([], False),
    ],
)
def test_a_run_covers_what_it_makes_with_all_that_is_made_from_it(made: list[str], covers: bool) -> None:
    keys = [key(name) for name in made]
    assert covers_all_below(GRAPH, keys) is covers
    assert coverage_tags(GRAPH, "of no job", keys) == (COVERS_ALL_BELOW if covers else {})


def test_the_layers_are_all_assets_of_a_source_in_the_order_in_which_they_are_made() -> None:
    found = layers(GRAPH)
    keys = [asset for assets in found.values() for asset in assets]
    assert set(keys) == {
        asset for asset in GRAPH.materializable_asset_keys if GRAPH.get(asset).partitions_def == source_partitions
    }
    for place, asset in enumerate(keys):
        assert not GRAPH.get_ancestor_asset_keys(asset) & set(keys[place:])
    assert all(asset.path[0] == layer for layer, assets in found.items() for asset in assets)


def test_the_job_refresh_makes_every_asset_of_a_source_and_checks_it() -> None:
    layer = defs.resolve_job_def("refresh").asset_layer
    keys = {asset for assets in layers(GRAPH).values() for asset in assets}
    assert layer.executable_asset_keys == keys
    assert layer.asset_graph.asset_check_keys == {check for check in GRAPH.asset_check_keys if check.asset_key in keys}
    assert all(GRAPH.get(asset).tags.items() >= PER_SOURCE.items() for asset in keys)


def test_run_configuration_goes_to_the_assets_that_take_it() -> None:
    options = RefreshOptions(select=("text", "vectors"), created_after="2025-01-01", full=True)
    config = options.run_config(options.keys())
    assert set(config["ops"]) == {"text__documents", "text__chunks", "vectors__qdrant_index"}
    for op in config["ops"].values():
        assert op == {
            "config": {"created_after": "2025-01-01", "full_refresh": True, "sweep": False, "confirm_loss": False}
        }


def test_a_layer_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="choose from raw, text, vectors, incidents, reports"):
        RefreshOptions(select=("poems",)).keys()
