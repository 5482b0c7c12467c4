"""`demo`: from records to recommendations in one go, and what was found."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.operations.refresh import cost_of, show
from orchestration.cli.options import Json
from orchestration.cli.progress import shown_progress
from orchestration.cli.search.recommend import show_analysis
from orchestration.cli.search.search import plain
from precedent.errors import NotFoundError, PrecedentError, UsageError
from precedent.incidents import repository as analyses
from precedent.platform import Platform, Tenant
from precedent.search.filters import Filters
from precedent.settings import PROJECT_ROOT, Settings
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.text.titles import newest_title

if TYPE_CHECKING:
    from orchestration.refresh_run import RefreshOutcome
    from precedent.incidents.service import Analysis

RECORDS = PROJECT_ROOT / "orchestration" / "demo_records"
QUESTION = "checkout fails because no database connection is left"
SHORT_SHA = 12


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source that the demo adds."""

    name: str
    kind: str
    path: Path


def demo(
    source: Annotated[Path | None, typer.Option(help="Your own records: a folder, a file or a clone.")] = None,
    json: Json = False,
) -> None:
    """Load a sample, materialise everything and show what was found."""
    began = time.monotonic()
    with precedent.open() as platform:
        tenant = platform.tenant()
        sources = [_own(source)] if source else _samples(platform.settings)
        names = [wanted.name for wanted in sources]
        outcomes = _refresh(platform, tenant, sources, quiet=json)
        question = QUESTION if source is None else _newest_title(platform, tenant, names)
        results = tenant.search(question, k=5, filters=Filters(sources=tuple(names)))
        analysis = _analysis(platform, tenant, names)
        rows = [row for row in tenant.sources() if row.name in names]
    seconds = time.monotonic() - began
    if json:
        output.emit(
            {
                "sources": rows,
                "refreshes": outcomes,
                "query": question,
                "results": [plain(result) for result in results],
                "recommendation": analysis,
                "seconds": round(seconds, 1),
            }
        )
        return
    cells = [
        [
            item.external_id[:SHORT_SHA] if item.kind == "commit" else item.external_id,
            item.kind,
            item.title,
            item.state,
            f"{item.score:.4f}",
        ]
        for item in results
    ]
    output.table(f"Search: {question}", ["id", "kind", "title", "state", "score"], cells)
    if analysis:
        output.say("\nA recommendation:")
        show_analysis(analysis)
    total = {name: sum(getattr(row, name) for row in rows) for name in ("documents", "chunks", "embedded")}
    output.say(
        f"\n{total['documents']:,} documents, {total['chunks']:,} passages, {total['embedded']:,} with a vector, "
        f"in {seconds:.0f} s, {cost_of(outcomes)}."
    )
    output.say("See the same in the Dagster UI: `make up`, then open http://127.0.0.1:3000 and choose Assets.")


def _refresh(platform: Platform, tenant: Tenant, sources: list[DemoSource], *, quiet: bool) -> "list[RefreshOutcome]":
    from orchestration.instance import dagster_instance, sync_partitions
    from orchestration.refresh_run import RefreshOptions, run_refresh

    outcomes = []
    with dagster_instance(platform.settings, platform.database.endpoints) as instance:
        for wanted in sources:
            row = _ensure(platform, tenant, wanted)
            if not quiet:
                output.say(f"Refreshing {row.key} from {wanted.path} ...")
            with shown_progress(quiet=quiet):
                outcomes.append(run_refresh(instance, platform.database, row, RefreshOptions()))
            if not quiet:
                show(outcomes[-1])
        sync_partitions(instance, platform.database)
    failed = [outcome for outcome in outcomes if not outcome.success]
    if failed:
        raise PrecedentError(f"{failed[0].source}: {failed[0].error}")
    return outcomes


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


def _ensure(platform: Platform, tenant: Tenant, wanted: DemoSource) -> SourceRow:
    try:
        row = catalog.get(platform.database, f"{tenant.name}/{wanted.name}")
    except NotFoundError:
        return catalog.add(platform.database, tenant.name, wanted.name, wanted.kind, {"path": str(wanted.path)})
    if row.kind != wanted.kind or row.configuration.get("path") != str(wanted.path):
        raise UsageError(
            f"{row.key} exists with another path: remove it with `precedent source remove {row.key}`, then try again."
        )
    return row


def _newest_title(platform: Platform, tenant: Tenant, names: list[str]) -> str:
    with platform.database.bulk(tenant.id) as connection:
        found = newest_title(connection, names)
    if found is None:
        raise PrecedentError("The source holds no issues, pull requests, commits or incidents: check its records.")
    return found


def _analysis(platform: Platform, tenant: Tenant, names: list[str]) -> "Analysis | None":
    for name in names:
        source = catalog.get(platform.database, f"{tenant.name}/{name}")
        with platform.database.bulk(tenant.id) as connection:
            incident = analyses.newest_open(connection, source.id)
        if incident:
            return tenant.recommend(incident, source=name)
    return None
