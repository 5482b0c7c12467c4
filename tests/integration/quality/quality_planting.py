"""Making a report as the asset does, and faults in the database that are taken out again."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from precedent.database.session import Database
from precedent.providers.runtime.factory import open_embedder
from precedent.providers.runtime.ledger import CallContext
from precedent.quality import repository as reports
from precedent.quality import source_report
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from precedent.vectors import repository as embeddings
from tests.unit.quality.planting import Fault


def measured(database: Database, source: SourceRow) -> reports.Report:
    """Make a report as the asset does, without a run around it."""
    context = CallContext(source.tenant_id, route="etl", asset="reports/vector_quality", source=source.name)
    provider = open_embedder(database, Settings.from_environment(), context)
    with database.bulk(source.tenant_id) as connection:
        # A report is made anew only where its manifest has changed.
        connection.execute("UPDATE quality_reports SET manifest = 'another' WHERE source_id = %s", (source.id,))
    assert source_report.refresh(database, source, provider)
    with database.bulk(source.tenant_id) as connection:
        found = reports.latest(connection, source.id)
    assert found is not None
    return found


def failed(report: reports.Report) -> set[str]:
    return {gate["name"] for gate in report.gates if gate["passed"] is False}


def blocking(report: reports.Report) -> set[str]:
    return {gate["name"] for gate in report.gates if gate["passed"] is False and gate["blocking"]}


@contextmanager
def planted(database: Database, source: SourceRow, fault: Fault) -> Iterator[None]:
    """Other vectors in the place of those stored, until the end."""
    with database.bulk(source.tenant_id) as connection:
        space_id = connection.execute("SELECT id FROM embedding_spaces WHERE status = 'active'").fetchone()[0]  # type: ignore[index]
        rows = connection.execute(
            "SELECT content_hash, embedding::vector::real[] FROM embeddings WHERE space_id = %s ORDER BY content_hash",
            (space_id,),
        ).fetchall()
        hashes, vectors = [bytes(row[0]) for row in rows], np.array([row[1] for row in rows], np.float32)
        embeddings.save(connection, source.tenant_id, space_id, hashes, fault(vectors))
    try:
        yield
    finally:
        with database.bulk(source.tenant_id) as connection:
            embeddings.save(connection, source.tenant_id, space_id, hashes, vectors)


@contextmanager
def altered(database: Database, source: SourceRow, there: str, back: str) -> Iterator[None]:
    """A statement done, and undone at the end."""
    with database.bulk(source.tenant_id) as connection:
        connection.execute(there)
    try:
        yield
    finally:
        with database.bulk(source.tenant_id) as connection:
            connection.execute(back)
