"""Probing sources in one tick of a sensor: their rows and last probes are read, and what servers asked for is saved."""

import threading
from collections import defaultdict
from collections.abc import Iterable

from precedent.database.session import Database
from precedent.errors import ActionRequired, DatabaseError, PrecedentError, RetryLater, SourceFault
from precedent.sources import repository as catalog
from precedent.sources import schedule
from precedent.sources.polling import ProbeRound
from precedent.sources.repository import SourceRow
from precedent.sources.schedule import LastProbe, ScheduledSource
from precedent.sources.source import LiveSource, Probe
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.state import State


class Probes:
    """Probes of sources; rows and last probes are read a tenant at a time, when the first of its sources is probed.

    Args:
        database: The database.
        sources: Those that may be probed in this tick.
    """

    def __init__(self, database: Database, sources: Iterable[ScheduledSource]) -> None:
        self.database = database
        self._ids: dict[int, list[int]] = defaultdict(list)
        for source in sources:
            self._ids[source.tenant_id].append(source.id)
        self._known: dict[int, dict[int, LastProbe]] = {}
        self._lock = threading.Lock()

    def probe(self, source: ScheduledSource) -> Probe:
        """Probe a source with its credentials: a server is asked, files are not opened.

        Raises:
            SourceFault: it does not answer as it should.
            DatabaseError: what is known of it cannot be read; that says nothing of the source.
        """
        try:
            return self._probed(source)
        except (SourceFault, DatabaseError):
            raise
        except PrecedentError as error:  # files that are gone, a key that cannot be decrypted
            raise ActionRequired("unreadable", str(error)) from None

    def save(self, found: ProbeRound) -> None:
        """Save which servers asked to wait: no run is needed to find that out again."""
        by_tenant: dict[int, list[tuple[ScheduledSource, RetryLater]]] = defaultdict(list)
        for source, fault in found.waiting:
            by_tenant[source.tenant_id].append((source, fault))
        for tenant_id, waiting in by_tenant.items():
            with self.database.bulk(tenant_id) as connection:
                for source, fault in waiting:
                    sync_state.save_outcome(
                        connection,
                        tenant_id,
                        source.id,
                        state=State.WAITING,
                        code=fault.code,
                        reason=fault.reason,
                        wait_until=fault.until,
                        revision=source.revision,
                    )

    def _probed(self, source: ScheduledSource) -> Probe:
        known = self._last_probes(source.tenant_id).get(source.id)
        if known is None:
            raise ActionRequired("removed", f"{source.key} has been removed.")
        row = SourceRow(
            id=source.id,
            tenant_id=source.tenant_id,
            tenant=source.tenant,
            name=source.name,
            kind=source.kind,
            configuration=known.configuration,
            is_active=source.is_active,
            revision=source.revision,
            stored=known.stored,
        )
        opened = catalog.opened(row, known.name)
        if isinstance(opened, LiveSource):
            try:
                return opened.probe(known.probe)
            finally:
                opened.close()
        return Probe(opened.quick_fingerprint(), {})

    def _last_probes(self, tenant_id: int) -> dict[int, LastProbe]:
        with self._lock:
            if tenant_id not in self._known:
                self._known[tenant_id] = schedule.last_probes(self.database, tenant_id, self._ids[tenant_id])
            return self._known[tenant_id]
