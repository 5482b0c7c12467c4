"""The raw client is in one module, and no request in it can leave out the tenant."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "precedent/qdrant/client.py"
REQUESTS = ROOT / "precedent/qdrant/requests.py"
# What the client may be asked in a `Server`: nothing that reads or writes points.
ADMINISTRATION = {
    "close",
    "get_collections",
    "info",
    "create_payload_index",
    "delete_collection",
    "get_aliases",
    "update_collection_aliases",
    "get_collection",
    "create_collection",
}
# In a `TenantCollection`: the argument that limits it.
FENCED = {
    "query_points": "query_filter",
    "count": "count_filter",
    "scroll": "scroll_filter",
    "delete": "points_selector",
}


def product() -> list[Path]:
    found = [
        path
        for folder in ("precedent", "resources", "assets", "orchestration")
        for path in (ROOT / folder).rglob("*.py")
    ]
    assert CLIENT in found
    return found


def imports_of_the_client(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "qdrant_client")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "qdrant_client":
            yield from (f"{node.module}.{name.name}" for name in node.names)


def methods_of(name: str) -> dict[str, ast.FunctionDef]:
    (found,) = [
        node for node in ast.parse(CLIENT.read_text()).body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return {node.name: node for node in found.body if isinstance(node, ast.FunctionDef)}


def uses_of_raw(node: ast.AST) -> Iterator[ast.Attribute]:
    """`self._raw.METHOD` wherever it stands."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Attribute) and inner.value.attr == "_raw":
            yield inner


def test_nobody_else_imports_the_client_or_reaches_for_it() -> None:
    for path in product():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = list(imports_of_the_client(tree))
        if path == REQUESTS:
            assert set(imported) == {"qdrant_client.models"}
        elif path != CLIENT:
            assert imported == [], path
        if path != CLIENT:
            touched = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "_raw"]
            assert touched == [], path
            named = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "QdrantClient"]
            assert named == [], path


def test_a_server_asks_for_no_points() -> None:
    used = {use.attr for method in methods_of("Server").values() for use in uses_of_raw(method)}
    assert used == ADMINISTRATION


def test_every_request_for_points_goes_through_the_fence() -> None:
    methods = methods_of("TenantCollection")
    used = {use.attr for method in methods.values() for use in uses_of_raw(method)}
    assert used == {*FENCED, "upsert"}
    for name, method in methods.items():
        for call in (node for node in ast.walk(method) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func in list(uses_of_raw(method)):
                if call.func.attr == "upsert":
                    assert "self._own()" in ast.unparse(method), name
                    continue
                (limit,) = [word.value for word in call.keywords if word.arg == FENCED[call.func.attr]]
                assert ast.unparse(limit) in ("self._fence()", "fence", "FilterSelector(filter=fence)"), name
    # Where the fence is handed over, it was made by `_fence`.
    handed = [
        ast.unparse(node.args[0])
        for method in methods.values()
        for node in ast.walk(method)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("self._page", "self._delete")
    ]
    assert len(handed) == 4
    assert all(text.startswith("self._fence(") for text in handed)


def test_the_fence_always_names_tenant_and_space() -> None:
    from uuid import UUID

    from precedent.qdrant.client import Address, TenantCollection
    from precedent.qdrant.naming import Owner

    owner = Owner(UUID(int=1), 7)
    part = TenantCollection(Address("x", "http://x"), owner, None, "c", 5)  # type: ignore[arg-type]
    for fence in (part._fence(), part._fence(["a"]), part._fence([])):
        pairs = [(item.key, item.match.value) for item in fence.must if hasattr(item, "key")]
        assert pairs == [("tenant", owner.key), ("space", 5)]
    assert len(part._fence([]).must) == 3


@pytest.mark.parametrize("change", ["installation", "tenant", "space", "text"])
def test_a_point_differs_where_anything_does(change: str) -> None:
    from uuid import UUID

    from precedent.qdrant.naming import Owner, point_id

    plain = point_id(Owner(UUID(int=1 << 100), 7), 5, b"t")
    other = {
        "installation": point_id(Owner(UUID(int=2 << 100), 7), 5, b"t"),
        "tenant": point_id(Owner(UUID(int=1 << 100), 8), 5, b"t"),
        "space": point_id(Owner(UUID(int=1 << 100), 7), 6, b"t"),
        "text": point_id(Owner(UUID(int=1 << 100), 7), 5, b"u"),
    }
    assert other[change] != plain


def test_tenants_with_one_model_share_a_collection_and_others_do_not() -> None:
    from dataclasses import replace

    from precedent.qdrant.naming import shared_collection
    from precedent.vectors.space import SpaceProfile

    profile = SpaceProfile("openai", "vendor/Text: Embedding/3 Small?", "1", 1536, "float32", "none", "cut")
    name = shared_collection(profile)
    assert name == shared_collection(replace(profile, cut="another"))
    assert name.startswith("precedent-3_small-1536-")
    assert not set(name) & set('<>:"/\\|?* ')
    for field, value in {
        "provider": "azure",
        "model": "other",
        "model_fingerprint": "2",
        "dimensions": 8,
        "precision": "bfloat16",
        "preprocessing": "masked",
    }.items():
        assert shared_collection(replace(profile, **{field: value})) != name
