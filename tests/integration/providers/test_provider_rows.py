"""Rows that do not fit any more are shown with the reason, exported as they are, and never called."""

import json
from typing import Any

import psycopg
import pytest
import yaml

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.runtime.endpoint import chain
from precedent.tenants import tenants
from tests.integration.providers.provider_servers import TEXT, Add, Call, parsed

pytest_plugins = ["tests.integration.providers.provider_fixtures"]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("provider", "gone", "There is no driver 'gone'"),
        ("model_config", {"temprature": 1}, "There is no model option 'temprature'"),
        ("model_config", {"temperature": 9}, "options.temperature is wrong"),
        ("performance_config", {"retries": 9}, "there is no field 'retries' in performance"),
        ("cost_config", {"input_per_million": -1}, "cost.input_per_million: it must be an amount"),
    ],
)
def test_a_row_of_another_version_is_shown_and_not_called(
    precedent: Call, tenant: str, adding: Add, owner_dsn: str, database: Database, column: str, value: Any, words: str
) -> None:
    own = ["--tenant", tenant]
    parsed(precedent("provider", "add", "writer", "--capability", TEXT, *adding, "--activate", "--json"))
    with psycopg.connect(owner_dsn) as connection:
        stored = value if isinstance(value, str) else json.dumps(value)
        connection.execute(
            f"UPDATE integrations i SET {column} = %s FROM tenants t WHERE t.id = i.tenant_id AND t.name = %s",
            (stored, tenant),
        )
    shown = parsed(precedent("provider", "show", "writer", *own, "--json"))
    assert words in shown["problem"]
    assert (shown["name"], shown["model"], shown["active"]) == ("writer", "gpt-6-luna", True)
    assert (shown["fingerprint"], shown["external"], shown["credentials"]["has_key"]) == (None, None, True)
    assert words.split("'")[0] in " ".join(precedent("provider", "show", "writer", *own)[1].split())
    for command in (["test", "writer"], ["models", "writer"]):
        code, _, error = precedent("provider", *command, *own)
        assert (code, words in error) == (2, True)
    with pytest.raises(UsageError, match=words.split("'")[0]):
        chain(database, tenants.get(database, tenant).id, Capability.TEXT_GENERATION)
    code, out, error = precedent("provider", "export", *own)
    assert code == 0, error
    assert yaml.safe_load(out)["providers"]["writer"]["active"] is True
    assert precedent("provider", "remove", "writer", "--yes", *own)[0] == 0
