"""Checks of a source's vectors; those that block protect search, reports and Qdrant."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from assets.checks.definition import source_checks
from precedent.quality import thresholds
from precedent.vectors import integrity
from precedent.vectors import repository as vectors
from precedent.vectors import space as spaces
from precedent.vectors.integrity import VectorCounts
from precedent.vectors.repository import Coverage
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.failure import as_failure

EMBEDDINGS = dg.AssetKey(["vectors", "embeddings"])


@dg.multi_asset_check(
    name="embeddings_are_whole",
    specs=source_checks(
        "vectors/embeddings",
        {
            "coverage": "Every passage has its vector in the space that is to serve; search would miss the rest. "
            "A threshold of the tenant or source may allow some to lack it.",
            "dimensions": "Every vector has the dimension of its space.",
            "no_zero_vectors": "No vector is zero; a zero vector is as near to everything as to nothing.",
            "no_orphan_rows": "The rows of every layer have their counterparts in the layers beside it.",
            "served_as_asked": "The vectors of the newest run came from the endpoint that was asked.",
        },
        blocking=frozenset({"coverage", "dimensions", "no_zero_vectors"}),
    ),
)
def embeddings_are_whole(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> Iterator[dg.AssetCheckResult]:
    """Every passage has a vector that can be searched, and was made by what the tenant chose.

    The space that is judged is the one that is to serve: what an earlier model's space lacks holds nothing up.
    """
    source = database.source(context.partition_key)
    with as_failure():
        configured = embedder.for_source(context, database.database, source).profile
    with database.connection(source) as connection:
        space = spaces.to_serve(connection, source.id, configured)
        covered = vectors.coverage(connection, source.id, space.id) if space else Coverage(0, 0, 0)
        threshold = thresholds.for_source(connection, source.id).thresholds.coverage
        found = integrity.vectors(connection, source.id, space.id) if space else VectorCounts(0, 0, 0)
        orphans = asdict(integrity.orphans(connection, source.id))
    yield dg.AssetCheckResult(
        check_name="coverage",
        passed=covered.embedded >= threshold * covered.chunks,
        description=f"{covered.embedded:,} of {covered.chunks:,} passages have a vector."
        + _why(context, covered.chunks - covered.embedded),
        metadata={
            "chunks": covered.chunks,
            "embedded": covered.embedded,
            "threshold": threshold,
            "space/id": space.id if space else 0,
        },
    )
    yield dg.AssetCheckResult(
        check_name="dimensions",
        passed=found.other_dimensions == 0,
        description=f"{found.other_dimensions:,} of {found.vectors:,} vectors have another dimension.",
        metadata={"vectors": found.vectors, "other_dimensions": found.other_dimensions},
    )
    yield dg.AssetCheckResult(
        check_name="no_zero_vectors",
        passed=found.zero == 0,
        description=f"{found.zero:,} of {found.vectors:,} vectors are zero.",
        metadata={"vectors": found.vectors, "zero": found.zero},
    )
    yield dg.AssetCheckResult(
        check_name="no_orphan_rows",
        passed=not any(orphans.values()),
        severity=dg.AssetCheckSeverity.WARN,
        description="Some rows lost their counterpart." if any(orphans.values()) else "Every row has its counterpart.",
        metadata=orphans,
    )
    yield _served_as_asked(context)


def _metadata(context: dg.AssetCheckExecutionContext) -> Mapping[str, dg.MetadataValue[Any]]:
    """What the newest run said of itself."""
    event = context.instance.get_latest_data_version_record(EMBEDDINGS, partition_key=context.partition_key)
    made = event.asset_materialization if event else None
    return made.metadata if made else {}


def _why(context: dg.AssetCheckExecutionContext, missing: int) -> str:
    """Why passages have no vector, where a provider or a policy is the reason."""
    metadata = _metadata(context)
    return f" {metadata['fallback/reason'].value}" if missing and "fallback/reason" in metadata else ""


def _served_as_asked(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    metadata = _metadata(context)
    used = bool(metadata["fallback/used"].value) if "fallback/used" in metadata else False
    reason = str(metadata["fallback/reason"].value) if "fallback/reason" in metadata else ""
    return dg.AssetCheckResult(
        check_name="served_as_asked",
        passed=not used,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Another endpoint served: {reason}" if used else "The endpoint that was asked served.",
    )
