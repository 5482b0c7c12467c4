"""Writing vectors: the platform's store next to a raw binary COPY of the same rows, in one run on one server."""

import hashlib
import time

import numpy as np
import psycopg
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine
from precedent.database.session import Database
from precedent.tenants import tenants as tenancy
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.space import SpaceProfile

ROWS, DIMENSIONS = 50_000, 384
BATCHES = (500, 2_000, 10_000)
RAW = "COPY raw_vectors (content_hash, embedding) FROM STDIN (FORMAT BINARY)"


def main() -> None:
    """Write the same rows both ways, the raw way before and after, and print rows per second and the ratio."""
    draw = np.random.default_rng(1)
    vectors = draw.standard_normal((ROWS, DIMENSIONS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes = [hashlib.sha256(str(number).encode()).digest() for number in range(ROWS)]
    table = Table(title=f"{ROWS:,} vectors of {DIMENSIONS} dimensions; {machine()}")
    for column in ("rows a commit", "raw COPY rows/s", "store rows/s", "store / raw", "again rows/s"):
        table.add_column(column, justify="right")
    database = Database.open()
    tenant = tenancy.add(database, "bench-ingest")[0]
    dsn = database.endpoints.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    for batch in BATCHES:
        raw = [raw_rate(dsn, hashes, vectors, batch)]
        profile = SpaceProfile("bench", f"ingest-{batch}-{time.time()}", "1", DIMENSIONS, "float32", "none")
        rate = store_rate(database, tenant.id, profile, hashes, vectors, batch)
        again = store_rate(database, tenant.id, profile, hashes, vectors, batch)
        raw.append(raw_rate(dsn, hashes, vectors, batch))
        copied = sum(raw) / 2
        table.add_row(f"{batch:,}", f"{copied:,.0f}", f"{rate:,.0f}", f"{rate / copied:.2f}", f"{again:,.0f}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS raw_vectors")
        connection.execute("DELETE FROM embeddings WHERE tenant_id = %s", (tenant.id,))
    Console(width=110).print(table)
    database.close()


def raw_rate(dsn: str, hashes: list[bytes], vectors: NDArray[np.float32], batch: int) -> float:
    """Rows per second of COPY into a table with the same columns and primary key, and nothing else."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP TABLE IF EXISTS raw_vectors")
        connection.execute("CREATE TABLE raw_vectors (content_hash bytea PRIMARY KEY, embedding halfvec(384) NOT NULL)")
        connection.commit()
        began = time.perf_counter()
        for start in range(0, len(hashes), batch):
            part = slice(start, start + batch)
            with connection.cursor().copy(RAW) as copy:
                copy.write(embeddings.binary_rows(hashes[part], vectors[part]))
            connection.commit()
        return len(hashes) / (time.perf_counter() - began)


def store_rate(
    database: Database,
    tenant_id: int,
    profile: SpaceProfile,
    hashes: list[bytes],
    vectors: NDArray[np.float32],
    batch: int,
) -> float:
    """Rows per second through the store, with its checks, its tenant and its upsert."""
    with database.bulk(tenant_id) as connection:
        space = spaces.ensure(connection, tenant_id, profile)
        connection.commit()
        began = time.perf_counter()
        for start in range(0, len(hashes), batch):
            part = slice(start, start + batch)
            embeddings.save(connection, tenant_id, space.id, hashes[part], vectors[part])
            connection.commit()
        return len(hashes) / (time.perf_counter() - began)
