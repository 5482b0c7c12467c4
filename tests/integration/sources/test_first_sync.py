"""A first sync of the real records gives the very documents that the archive of them gives."""

import gzip
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.tenants import tenants as tenancy
from tests.conftest import DATA
from tests.servers.github import GitHubServer
from tests.servers.github_repository import load_records
from tests.servers.jira import JiraServer

pytestmark = [
    pytest.mark.records,
    pytest.mark.skipif(not DATA.exists(), reason="the shared records are not here"),
]
Call = Callable[..., tuple[int, str, str]]
DOCUMENTS = """
SELECT d.kind, d.external_id, encode(d.content_hash, 'hex'), d.title, d.state, d.labels, d.created_at
FROM documents d WHERE d.source_id = %s ORDER BY 1, 2
"""


def documents(precedent: Call, owner_dsn: str, source: catalog.SourceRow) -> list[tuple[Any, ...]]:
    code, _, error = precedent("refresh", source.key, "--select", "raw", "--select", "text", "--json")
    assert code == 0, error
    with psycopg.connect(owner_dsn) as connection:
        return connection.execute(DOCUMENTS, (source.id,)).fetchall()


@pytest.fixture
def tenant(database: Database) -> str:
    return tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].name


def test_github(precedent: Call, database: Database, owner_dsn: str, tenant: str) -> None:
    archive = catalog.add(database, tenant, "archive", "archive", {"path": str(DATA / "github")})
    with GitHubServer("bitcoin-core/gui") as server:
        load_records(server.repository, DATA / "github")
        values = {"repository": "bitcoin-core/gui", "base_url": server.api}
        live = catalog.add(database, tenant, "live", "github", values)
        found = documents(precedent, owner_dsn, live)
    expected = documents(precedent, owner_dsn, archive)
    assert len(found) == 878
    assert found == expected


def test_jira(precedent: Call, database: Database, owner_dsn: str, tenant: str) -> None:
    archive = catalog.add(database, tenant, "archive", "archive", {"path": str(DATA / "jira")})
    with JiraServer() as server:
        with gzip.open(DATA / "jira" / "issues.jsonl.gz") as lines:
            for line in lines:
                server.load(orjson.loads(line))
        values = {"url": server.url, "projects": ["AC", "ALOY", "DAEMON", "MOD"]}
        live = catalog.add(database, tenant, "live", "jira", values)
        found = documents(precedent, owner_dsn, live)
    expected = documents(precedent, owner_dsn, archive)
    assert len(found) == 6_686
    assert found == expected
