"""What tests of live sources ask of the commands."""

import json
from collections.abc import Callable
from typing import Any

Call = Callable[..., tuple[int, str, str]]


def refreshed(precedent: Call, key: str, *options: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", key, *options, "--json")
    assert code == 0, error
    return dict(json.loads(out))


def listed(precedent: Call, key: str) -> dict[str, Any]:
    code, out, error = precedent("source", "list", "--tenant", key.partition("/")[0], "--json")
    assert code == 0, error
    return dict(next(row for row in json.loads(out) if f"{row['tenant']}/{row['name']}" == key))


def found(precedent: Call, key: str, words: str) -> list[str]:
    tenant = key.partition("/")[0]
    code, out, error = precedent("search", words, "--tenant", tenant, "--mode", "text", "--json")
    assert code == 0, error
    return [result["external_id"] for result in json.loads(out)]
