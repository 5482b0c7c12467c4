"""Dagster's private modules are used in one module, and what it uses of them exists."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from orchestration import dagster_internals
from precedent.settings import PROJECT_ROOT

MODULES = [
    path
    for folder in ("orchestration", "assets", "resources", "precedent")
    for path in (PROJECT_ROOT / folder).rglob("*.py")
]


def private(tree: ast.AST) -> set[str]:
    """Names of private modules of Dagster that a module imports or names in a text."""
    found = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("dagster")
            and "._" in node.module
        ):
            found.add(node.module)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("dagster") and "._" in alias.name}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("dagster._"):
            found.add(node.value)
    return found


def imported() -> list[tuple[str, str]]:
    tree = ast.parse(Path(dagster_internals.__file__).read_text())
    return [
        (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and "._" in (node.module or "")
        for alias in node.names
    ]


@pytest.mark.parametrize(("module", "name"), imported())
def test_every_name_exists_in_the_installed_dagster(module: str, name: str) -> None:
    assert hasattr(import_module(module), name)
    assert name in dagster_internals.__all__


def test_classes_that_dagster_loads_by_their_name_exist() -> None:
    for entry in dagster_internals.NO_COMPUTE_LOGS.values():
        assert hasattr(import_module(entry["module"]), entry["class"])


def test_no_other_module_uses_what_is_private() -> None:
    others = {path: private(ast.parse(path.read_text())) for path in MODULES}
    own = Path(dagster_internals.__file__)
    assert others.pop(own)
    assert {path.name: found for path, found in others.items() if found} == {}
