"""`demo`: from records to recommendations in one go, and what was found."""

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestration.cli.output import console, print_json, print_table
from orchestration.cli.refresh import cost_of, show
from orchestration.cli.search import show_analysis
from orchestration.cli.search_input import filters_of
from orchestration.instance import dagster_instance, sync_partitions
from orchestration.refresh_run import RefreshOptions, RefreshOutcome, run_refresh
from precedent.database.session import Database
from precedent.errors import NotFoundError, PrecedentError, UsageError
from precedent.incidents import repository as analyses
from precedent.incidents.service import Recommender
from precedent.search.service import Query, Searcher
from precedent.settings import PROJECT_ROOT, Settings
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.sources.status import statuses
from precedent.tenants import tenants as tenancy

RECORDS = Path(__file__).resolve().parents[1] / "demo_records"
QUESTION = "checkout fails because no database connection is left"


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source that the demo adds."""

    name: str
    kind: str
    path: Path


def run_demo(own: Path | None, *, json: bool) -> None:
    """Add sources, refresh them, and show rows, rates, cost, quality, a search and a recommendation.

    Raises:
        PrecedentError: a refresh failed.
    """
    began = time.monotonic()
    settings = Settings.from_environment()
    database = Database.open(settings)
    tenant = tenancy.DEFAULT_TENANT
    sources = [_own(own)] if own else _samples(settings)
    outcomes: list[RefreshOutcome] = []
    with dagster_instance(settings, database.endpoints) as instance:
        for wanted in sources:
            row = _ensure(database, tenant, wanted)
            if not json:
                console.print(f"Refreshing {row.key} from {wanted.path} ...")
            outcomes.append(run_refresh(instance, row, RefreshOptions(), quiet=json))
            if not json:
                show(outcomes[-1])
        sync_partitions(instance, database)
    failed = [outcome for outcome in outcomes if not outcome.success]
    if failed:
        raise PrecedentError(f"{failed[0].source}: {failed[0].error}")
    searcher = Searcher(database, tenant, settings)
    names = [wanted.name for wanted in sources]
    question = QUESTION if own is None else _first_title(searcher, names)
    (results,) = searcher.search([Query(question, k=5, filters=filters_of(sources=names))])
    analysis = _analysis(searcher, database, tenant, names)
    rows = [row for row in statuses(database, tenant) if row.name in names]
    if json:
        print_json(
            {
                "sources": rows,
                "refreshes": outcomes,
                "query": question,
                "results": [asdict(result) for result in results],
                "recommendation": analysis,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        return
    print_table(
        f"Search: {question}",
        ["id", "kind", "title", "state", "score"],
        [[item.external_id[:12] if item.kind == "commit" else item.external_id, item.kind, item.title, item.state,
          f"{item.score:.4f}"] for item in results],
    )  # fmt: skip
    if analysis:
        console.print("\nA recommendation:")
        show_analysis(analysis)
    total = {name: sum(getattr(row, name) for row in rows) for name in ("documents", "chunks", "embedded")}
    console.print(
        f"\n{total['documents']:,} documents, {total['chunks']:,} passages, {total['embedded']:,} with a vector, "
        f"in {time.monotonic() - began:.0f} s, {cost_of(outcomes)}."
    )
    console.print("See the same in the Dagster UI: `make up`, then open http://127.0.0.1:3000 and choose Assets.")


def _samples(settings: Settings) -> list[DemoSource]:
    # The records are copied, so that a user can change one and watch what a refresh makes of it.
    folder = settings.home / "demo_records"
    if not folder.exists():
        shutil.copytree(RECORDS, folder)
    found = [DemoSource("harbor-lane", "archive", folder)]
    if (PROJECT_ROOT / ".git").exists():
        found.append(DemoSource("precedent-history", "git", PROJECT_ROOT))
    return found


def _own(path: Path) -> DemoSource:
    path = path.expanduser().resolve()
    kind = "git" if (path / ".git").exists() or (path / "HEAD").is_file() else "archive"
    allowed = "".join(c if c.isalnum() and c.isascii() else "-" for c in path.name.lower()).strip("-")
    return DemoSource(f"own-{allowed[:50] or 'records'}", kind, path)


def _ensure(database: Database, tenant: str, wanted: DemoSource) -> SourceRow:
    try:
        row = catalog.get(database, f"{tenant}/{wanted.name}")
    except NotFoundError:
        return catalog.add(database, tenant, wanted.name, wanted.kind, {"path": str(wanted.path)})
    if row.kind != wanted.kind or row.configuration.get("path") != str(wanted.path):
        raise UsageError(
            f"{row.key} exists with another path: remove it with `precedent source remove {row.key}`, then try again."
        )
    return row


def _first_title(searcher: Searcher, names: list[str]) -> str:
    with searcher.database.bulk(searcher.tenant.id) as connection:
        found = connection.execute(
            "SELECT d.title FROM documents d JOIN integrations i ON i.id = d.source_id WHERE i.name = ANY(%s) "
            "ORDER BY d.created_at DESC NULLS LAST LIMIT 1",
            (names,),
        ).fetchone()
    if found is None:
        raise PrecedentError("The source holds no issues, pull requests, commits or incidents: check its records.")
    return str(found[0])


def _analysis(searcher: Searcher, database: Database, tenant: str, names: list[str]) -> dict[str, Any] | None:
    for name in names:
        source = catalog.get(database, f"{tenant}/{name}")
        with database.bulk(source.tenant_id) as connection:
            open_first = analyses.newest_open(connection, source.id)
        if open_first:
            return Recommender(searcher).recommend(open_first, source=name, again=False)
    return None
