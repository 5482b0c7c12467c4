"""Everything that a tenant has after a round, and how it differs from what an undisturbed tenant has."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

# Columns that two loads of the same records never share: numbers of rows, moments, times that were measured.
NEVER = (
    *("id", "tenant_id", "source_id", "space_id", "store_id", "document_id", "raw_item_id", "comment_id"),
    "dagster_run_id",
)
MOMENTS = (
    "fetched_at",
    "extracted_at",
    "promoted_at",
    "failed_at",
    "removed_at",
    "last_refresh",
    "swept_at",
    "canary_at",
    "version",
)
# What stands for a row of another table: which document a passage is of, and not by what number.
NAMED = {
    "chunks": "document_id",
    "comments": "document_id",
    "comment_words": "document_id",
    "document_cuts": "document_id",
    "document_words": "document_id",
    "documents": "raw_item_id",
}
PARENT = {"document_id": "documents", "raw_item_id": "raw_items"}
# By table: `created_at` is a fact of the record in some, and the moment of the insertion in others.
ALSO = {
    "integrations": ("created_at", "updated_at", "credentials", "fallback_id"),
    "sync_state": ("syncs", "details"),
    "embedding_spaces": ("created_at",),
    "embeddings": ("created_at",),
    "embedding_cache": ("created_at",),
    "vector_store_spaces": ("compared_at", "collection"),
    "rejected_records": ("created_at",),
    "quality_reports": ("created_at", "plot", "figures", "measures", "gates", "sample", "manifest"),
    "analysis_runs": ("created_at", "duration_ms", "cost_usd", "provider_revision", "attempts", "input_tokens"),
    "ai_policies": ("updated_at",),
}
# What calls have cost is compared with what the provider has charged (`accounts`).
COMPARED_ELSEWHERE = {"usage_records", "budget_months", "budget_reservations", "provider_health", "embedding_cache"}
# What was done on the way, and what a report asked of its sample: a kill changes these, and not what comes of them.
HISTORY = {"audit_log", "quality_answers"}
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
VERSIONS = """
SELECT DISTINCT ON (e.asset_key) e.asset_key, d.value
FROM event_logs e JOIN asset_event_tags d ON d.event_id = e.id AND d.key = 'dagster/data_version'
WHERE e.dagster_event_type = 'ASSET_MATERIALIZATION' AND e.partition = %s ORDER BY e.asset_key, e.id DESC
"""
# Lexemes begin with the number of their tenant.
WHOSE = re.compile(r"(?<=['\"])\d+\|")
NEWEST = """
(SELECT DISTINCT ON (source_id, external_id) * FROM analysis_runs ORDER BY source_id, external_id, id DESC)
"""
DIGITS = 9
LONGEST_EXAMPLE = 600
Content = dict[str, Counter[str]]


def content(owner_dsn: str, tenant_id: int) -> Content:
    """The rows of every table that has rows of tenants, as text without what never agrees; how often each occurs."""
    with psycopg.connect(owner_dsn) as connection:
        tables = [str(row[0]) for row in connection.execute(TABLES).fetchall()]
        return {
            table: Counter(_plain(str(row[0])) for row in connection.execute(_query(table), (tenant_id,)).fetchall())
            for table in tables
            if table not in COMPARED_ELSEWHERE | HISTORY
        }


def data_versions(dagster_dsn: str, key: str) -> dict[str, str]:
    """The newest data version of each asset of a source; the number of a space is taken off."""
    with psycopg.connect(dagster_dsn) as connection:
        found = connection.execute(VERSIONS, (key,)).fetchall()
    return {str(asset): str(version).rpartition(":")[2] for asset, version in found}


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What is missing and what is too much, a line for each table or asset that differs."""
    said = []
    for name in sorted(expected.keys() | found.keys()):
        one, other = expected.get(name), found.get(name)
        if isinstance(one, Counter) and isinstance(other, Counter):
            missing, more = one - other, other - one
            if missing or more:
                said.append(
                    f"{name}: {missing.total()} rows missing, {more.total()} too many; {_example(missing, more)}"
                )
        elif one != other:
            said.append(f"{name}: {other} instead of {one}")
    return said


def _plain(row: str) -> str:
    """A row without the numbers of tenants and the last digits, which follow from the order of additions."""
    value = json.loads(WHOSE.sub("", row), parse_float=lambda digits: round(float(digits), DIGITS))
    if value.get("validators"):
        value["validators"].pop("turn", None)  # counts the syncs
    return json.dumps(value, sort_keys=True)


def _query(table: str) -> str:
    left = [*NEVER, *MOMENTS, *ALSO.get(table, ())]
    if table == "analysis_runs":
        # What only a fallback has answered is asked again later: what counts is the newest answer.
        table = NEWEST
    row = "to_jsonb(x) - ARRAY[" + ", ".join(f"'{column}'" for column in left) + "]"
    parent = PARENT.get(NAMED.get(table, ""), "")
    if not parent:
        return f"SELECT ({row})::text FROM {table} x WHERE x.tenant_id = %s"
    return (
        f"SELECT ({row} || jsonb_build_object('of', p.kind || ':' || p.external_id))::text "
        f"FROM {table} x JOIN {parent} p ON p.id = x.{NAMED[table]} WHERE x.tenant_id = %s"
    )


def _example(missing: Counter[str], more: Counter[str]) -> str:
    """One row of each, only what they do not agree in."""
    one, other = (json.loads(next(iter(sorted(rows)), "{}")) for rows in (missing, more))
    return json.dumps(list(_unequal(one, other)))[:LONGEST_EXAMPLE]


def _unequal(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from _unequal(one.get(name), other.get(name), f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from _unequal(*pair, f"{path}[{place}]")
    elif one != other:
        yield path, one, other
