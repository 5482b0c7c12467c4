"""The incidents of a source that have no analysis, or one that was made from something else: analyse them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.incidents import repository
from precedent.incidents.analysis import analyse, analysis_version, find_evidence
from precedent.progress import Progress
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.generator import Generator
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces


@dataclass(frozen=True, slots=True)
class BacklogResult:
    """What became of the backlog of a source.

    Attributes:
        analysed: Incidents that have an analysis now.
        failed: Incidents whose analysis failed; the next run tries them again.
        removed: Analyses of incidents that no longer exist.
        seconds: How long it took.
        exhausted: Why it stopped before the end: the tenant's budget is used up. None otherwise.
    """

    analysed: int
    failed: int
    removed: int
    seconds: float
    exhausted: str | None = None


def analyse_backlog(
    connection: "psycopg.Connection[Any]",
    source: SourceRow,
    generator: Generator,
    *,
    everything: bool,
    retry_fallbacks: bool,
    dagster_run_id: str,
    log: Callable[[str], None],
) -> BacklogResult:
    """Analyse the incidents of a source that need it, and remove the analyses of those that are gone.

    Args:
        connection: Bound to the source's tenant; each analysis is committed when it arrives, because it was paid for.
        source: Whose incidents.
        generator: The tenant's chain of providers.
        everything: Analyse also what is up to date.
        retry_fallbacks: Analyse again what only a fallback has answered.
        dagster_run_id: The run that the analyses are recorded with.
        log: Is told from time to time how far it is.
    """
    removed = repository.remove_gone(connection, source.id)
    incidents = repository.pending(
        connection, source.id, analysis_version(generator.asked), everything=everything, retry_fallbacks=retry_fallbacks
    )
    progress = Progress("recommendations", len(incidents), log)
    space = spaces.active(connection) if incidents else None
    connection.commit()
    failed = 0
    for number, incident in enumerate(incidents, start=1):
        evidence = find_evidence(connection, space.id, incident, masks=generator.policy.masks) if space else ()
        connection.commit()  # no transaction waits while a provider thinks
        try:
            row = analyse(
                generator,
                incident,
                evidence,
                tenant_id=source.tenant_id,
                source_id=source.id,
                dagster_run_id=dagster_run_id,
            )
        except BudgetExhausted as error:
            done = number - 1
            said = f"{error} {done:,} of {len(incidents):,} incidents were analysed and are kept."
            return BacklogResult(done - failed, failed, removed, progress.seconds, said)
        repository.save(connection, row)
        failed += row.status == "failed"
        connection.commit()
        progress.advance(1)
    return BacklogResult(len(incidents) - failed, failed, removed, progress.seconds)
