"""The parts of maintenance by name, and doing one of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from orchestration.maintenance.compute_logs import COMPUTE_LOGS
from orchestration.maintenance.contract import Part, Place, Report, Trouble
from orchestration.maintenance.events import EVENTS
from orchestration.maintenance.tables import EMBEDDING_CACHE, PICTURES, SPACES, TOMBSTONES
from precedent.database.pruning import Order
from precedent.progress import Progress

PARTS = {part.name: part for part in (EVENTS, COMPUTE_LOGS, SPACES, TOMBSTONES, EMBEDDING_CACHE, PICTURES)}


def run(part: Part, place: Place, *, days: int | None, dry_run: bool, log: Callable[[str], None]) -> Report:
    """Do one part; what cannot be done is counted and does not stop the rest.

    Args:
        part: Which.
        place: Where.
        days: The age from which things go; None for the part's default.
        dry_run: Count with the same queries and change nothing.
        log: Is told every ten seconds how far it is.
    """
    age = part.days if days is None else days
    order = Order(datetime.now(UTC) - timedelta(days=age), dry_run)
    progress, size, errors = Progress(part.name, None, log), 0, list[str]()
    for step in part.prune(place, order):
        if isinstance(step, Trouble):
            errors.append(step.text)
            log(f"{part.name}: {step.text}")
        else:
            size += step.bytes
            progress.advance(step.count)
    return Report(part.name, age, dry_run, progress.rows, size, errors)
