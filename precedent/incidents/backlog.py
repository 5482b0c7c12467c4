"""The incidents of a source that have no analysis, or one that was made from something else: analyse them."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.incidents import repository
from precedent.incidents.analysis import analyse, analysis_version, find_evidence
from precedent.incidents.repository import PendingIncident
from precedent.incidents.schema import Evidence
from precedent.progress import Progress
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.generator import Generator
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces

Question = tuple[PendingIncident, tuple[Evidence, ...]]


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
    database: Database,
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

    As many are asked about at once as the provider that is asked first takes. However it ends, no further incident is
    asked about then, and the answers under way are waited for and kept, because they are paid for.

    Args:
        database: The platform's; answers are stored on a connection of their own.
        connection: Bound to the source's tenant; reads the incidents and finds their evidence.
        source: Whose incidents.
        generator: The tenant's chain of providers.
        everything: Analyse also what is up to date.
        retry_fallbacks: Analyse again what only a fallback has answered.
        dagster_run_id: The run that the analyses are recorded with.
        log: Is told from time to time how far it is.

    Raises:
        DatabaseError: the database is gone.
    """
    removed = repository.remove_gone(connection, source.id)
    incidents = repository.pending(
        connection, source.id, analysis_version(generator.asked), everything=everything, retry_fallbacks=retry_fallbacks
    )
    connection.commit()
    progress = Progress("recommendations", len(incidents), log)
    work = _Work(database, source, generator, dagster_run_id)
    running: set[Future[int]] = set()
    with ThreadPoolExecutor(generator.at_once, thread_name_prefix="analysis") as executor:
        for question in _questions(connection, incidents, masks=generator.policy.masks):
            # The first is asked alone: while it tries a provider that was down, others would go to the fallback.
            if running and (len(running) == generator.at_once or not work.saved):
                running = _first_ended(running, progress)
            if work.exhausted:
                break
            running.add(executor.submit(work, *question))
        while running:
            running = _first_ended(running, progress)
    said = None
    if work.exhausted:
        said = f"{work.exhausted} {work.saved:,} of {len(incidents):,} incidents were analysed and are kept."
    return BacklogResult(work.saved - work.failed, work.failed, removed, progress.seconds, said)


@dataclass(slots=True)
class _Work:
    """Asks about one incident and stores the answer when it arrives; returns how many it stored.

    Several threads ask at once and store one after the other: their answers take one connection of the database.
    """

    database: Database
    source: SourceRow
    generator: Generator
    dagster_run_id: str
    saved: int = 0
    failed: int = 0
    exhausted: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, incident: PendingIncident, evidence: tuple[Evidence, ...]) -> int:
        try:
            row = analyse(
                self.generator,
                incident,
                evidence,
                tenant_id=self.source.tenant_id,
                source_id=self.source.id,
                dagster_run_id=self.dagster_run_id,
            )
        except BudgetExhausted as error:
            self.exhausted = str(error)
            return 0
        with self.lock:
            with self.database.bulk(self.source.tenant_id) as connection:
                repository.save(connection, row)
            self.saved += 1
            self.failed += row.status == "failed"
        return 1


def _questions(
    connection: "psycopg.Connection[Any]", incidents: Sequence[PendingIncident], *, masks: bool
) -> Iterator[Question]:
    """Each incident with its evidence, which is found while others are being asked about."""
    space = spaces.active(connection) if incidents else None
    for incident in incidents:
        evidence = find_evidence(connection, space.id, incident, masks=masks) if space else ()
        connection.commit()  # no transaction waits while a provider thinks
        yield incident, evidence


def _first_ended(running: set[Future[int]], progress: Progress) -> set[Future[int]]:
    """What still runs when at least one has ended.

    Raises:
        Exception: what ended one of them.
    """
    ended, rest = wait(running, return_when=FIRST_COMPLETED)
    for future in ended:
        progress.advance(future.result())
    return rest
