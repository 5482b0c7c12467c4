"""Which sources to probe now, and what follows from the answers.

A probe is cheap: a conditional request or two. Many sources are probed side by side, until the tick has used its time;
the next tick goes on behind the last source that was probed.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

from precedent.errors import RetryLater, SourceFault
from precedent.retry import PAUSE_AFTER_TROUBLE
from precedent.sources.schedule import ScheduledSource
from precedent.sources.source import Probe

AT_ONCE = 8
SECONDS = 7.0  # of a tick that is to stay below 10
PATIENCE = 2.0  # seconds for the probes that were begun last
# A server that has kept a probe waiting for so many seconds is in trouble, or limits requests. To ask it again in each
# tick would take the places of others.
SILENCE = 5.0


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A source to sync; `run_key` is new exactly when there is something new to fetch or to try.

    A key is never used again, so it holds what changed and how many syncs there have been. The hour is in it for
    runs that were killed before they could say how they ended: they are asked for again.
    """

    source: ScheduledSource
    reason: str
    hour: str

    @property
    def run_key(self) -> str:
        """`tenant/source:id:syncs:failures:revision:reason:hour`."""
        source = self.source
        return f"{source.key}:{source.id}:{source.syncs}:{source.failures}:{source.revision}:{self.reason}:{self.hour}"


@dataclass(slots=True)
class ProbeRound:
    """What a tick found out.

    Attributes:
        wanted: Sources to sync.
        waiting: Sources whose server limits requests or did not answer in the time of a tick, with its fault.
        asked: How many were probed.
        unchanged: How many of them hold what they held.
        left: How many are for the next tick.
        after: The id of the source that the next tick begins behind; None begins at the first.
    """

    wanted: list[SyncRequest] = field(default_factory=list)
    waiting: list[tuple[ScheduledSource, RetryLater]] = field(default_factory=list)
    asked: int = 0
    unchanged: int = 0
    left: int = 0
    after: int | None = None


def due(sources: Iterable[ScheduledSource], busy: frozenset[str], now: datetime) -> list[ScheduledSource]:
    """Sources that may be probed: not paused, not being synced, and not waiting unless they were edited since."""
    return [
        source
        for source in sources
        if source.is_active
        and source.key not in busy
        and (source.wait_until is None or source.wait_until <= now or source.configured != source.revision)
    ]


def reason_without_probe(source: ScheduledSource) -> str | None:
    """Why a sync needs no probe first: it is the first, the row was edited, or what it had to wait for is over.

    Files that could not be read have nothing to wait for: they are probed until they are back.
    """
    if source.configured is not None and source.configured != source.revision:
        return "edited"
    if source.failures and source.wait_until is None:
        return None
    if source.state is None or source.syncs == 0:
        return "first"
    return "again" if source.failures else None


def round_robin(sources: Sequence[ScheduledSource], after: int | None) -> list[ScheduledSource]:
    """The sources in the order of a round that begins behind one of them."""
    ordered = sorted(sources, key=lambda source: source.id)
    if after is None:
        return ordered
    return [s for s in ordered if s.id > after] + [s for s in ordered if s.id <= after]


def probe_round(
    sources: Sequence[ScheduledSource],
    probe: Callable[[ScheduledSource], Probe],
    now: datetime,
    *,
    after: int | None = None,
    seconds: float = SECONDS,
    at_once: int = AT_ONCE,
    clock: Callable[[], float] = time.monotonic,
) -> ProbeRound:
    """Probe sources for as long as the tick has time.

    Args:
        sources: Those that are due.
        probe: Probes one; raises SourceFault.
        now: The moment of the tick.
        after: Where the tick before ended.
        seconds: How long to begin new probes.
        at_once: How many side by side.
        clock: Seconds that only grow.
    """
    found = ProbeRound()
    hour = now.strftime("%Y%m%d%H")
    end = clock() + seconds
    queue = round_robin(sources, after)
    executor = ThreadPoolExecutor(at_once, thread_name_prefix="probe")
    try:
        pending: dict[Future[Probe], tuple[ScheduledSource, float]] = {}
        place = 0
        while place < len(queue) or pending:
            while place < len(queue) and len(pending) < at_once and clock() < end:
                source = queue[place]
                place += 1
                known = reason_without_probe(source)
                if known is not None:
                    found.wanted.append(SyncRequest(source, known, hour))
                    continue
                pending[executor.submit(probe, source)] = (source, clock())
            if not pending:
                break
            done, _ = wait(pending, timeout=max(0.0, end + PATIENCE - clock()), return_when=FIRST_COMPLETED)
            if not done:
                break
            for future in done:
                source, _ = pending.pop(future)
                _judge(found, source, future, hour)
        silent = [source for source, begun in pending.values() if clock() - begun >= SILENCE]
        found.waiting += [(source, _silence(now)) for source in silent]
        found.asked += len(silent)
        found.left = len(queue) - place + len(pending) - len(silent)
        # Sources are finished in any order: the next tick begins behind the last one that was begun.
        if place and found.left:
            found.after = queue[place - 1].id
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return found


def _silence(now: datetime) -> RetryLater:
    reason = "The server has not answered for several seconds: it will be asked again."
    return RetryLater("no_answer", reason, now + PAUSE_AFTER_TROUBLE)


def _judge(found: ProbeRound, source: ScheduledSource, future: Future[Probe], hour: str) -> None:
    found.asked += 1
    try:
        seen = future.result()
    except RetryLater as fault:
        found.waiting.append((source, fault))
    except SourceFault as fault:
        if source.failures:  # files that are still gone: their owner has been told, and to probe them costs nothing
            found.unchanged += 1
            return
        # The sync will meet the same fault, and make it visible on the asset and its check.
        found.wanted.append(SyncRequest(source, fault.code, hour))
    else:
        if seen.token == source.token and not source.failures:
            found.unchanged += 1
        else:
            found.wanted.append(SyncRequest(source, hashlib.sha256(seen.token.encode()).hexdigest()[:16], hour))
