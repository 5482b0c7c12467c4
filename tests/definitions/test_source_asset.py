"""An asset in one file: what the decorator gives, and what is found without a list."""

import ast
import re
from pathlib import Path

import dagster as dg
import pytest

import assets
from assets.condition import follows_data
from assets.definition import OWNERS, PER_SOURCE, source_asset
from assets.partitions import backfill_policy, source_partitions
from assets.row_metadata import materialized
from orchestration.definitions import modules_of, objects_of
from precedent.settings import PROJECT_ROOT

SQL = re.compile(r"\b(SELECT|INSERT INTO|DELETE FROM|UPDATE \w+( \w+)? SET)\b")
WITHOUT_SQL = [
    path
    for folder in ("assets", "resources", "orchestration")
    for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))
    # Dagster's own table: it belongs to no package of ours.
    if path != PROJECT_ROOT / "orchestration" / "maintenance" / "events.py"
]


@source_asset("reports/letters", deps=["text/documents"], kinds=("python",), code_version="3", pool="letters")
def letters(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Letters of a source."""
    return materialized("documents", 7, "digest", added=2, seconds=0.5, metadata={"letters/vowels": 3})


def test_the_decorator_gives_all_that_assets_of_a_source_have_in_common() -> None:
    (spec,) = letters.specs
    assert spec.key == dg.AssetKey(["reports", "letters"])
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["text", "documents"])]
    assert (spec.group_name, spec.owners, spec.kinds) == ("reports", OWNERS, {"python"})
    assert spec.tags.items() >= PER_SOURCE.items()
    assert (spec.code_version, spec.description) == ("3", "Letters of a source.")
    assert spec.automation_condition == follows_data()
    assert letters.partitions_def == source_partitions
    assert letters.backfill_policy == backfill_policy
    assert letters.op.pool == "letters"


def test_what_it_returns_names_the_rows_and_the_version_of_the_data() -> None:
    result = materialized("documents", 7, "digest", added=2, seconds=0.5, metadata={"letters/vowels": 3})
    assert result.data_version == dg.DataVersion("digest")
    assert result.metadata == {
        "dagster/table_name": "precedent.public.documents",
        "dagster/partition_row_count": 7,
        "rows/added": 2,
        "rows/changed": 0,
        "rows/unchanged": 0,
        "rows/deleted": 0,
        "rows/failed": 0,
        "rate/rows_per_s": 4.0,
        "letters/vowels": 3,
    }


def test_a_new_module_of_the_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = (
        "import dagster as dg\n"
        "from assets.definition import source_asset\n"
        "from assets.row_metadata import materialized\n\n\n"
        "@source_asset('insights/of_a_test', deps=['text/documents'])\n"
        "def of_a_test(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:\n"
        "    return materialized('documents', 0, 'nothing')\n"
    )
    (tmp_path / "insights_of_a_test.py").write_text(module)
    monkeypatch.setattr(assets, "__path__", [*assets.__path__, str(tmp_path)])
    found = objects_of(modules_of(assets), dg.AssetsDefinition)
    assert [item for item in found if dg.AssetKey(["insights", "of_a_test"]) in item.keys]


def test_an_object_that_several_modules_import_is_found_once() -> None:
    found = objects_of(modules_of(assets), dg.AssetsDefinition)
    assert len({id(item) for item in found}) == len(found)


@pytest.mark.parametrize("module", WITHOUT_SQL, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_sql_stands_in_the_library(module: Path) -> None:
    texts = [node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and SQL.search(text)] == []
