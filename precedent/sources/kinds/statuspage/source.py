"""The incidents that a public status page lists."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from precedent.errors import ActionRequired, NotThere
from precedent.http.addresses import checked_url
from precedent.http.answers import Reply
from precedent.http.client import HttpClient, HttpOptions
from precedent.sources.kinds.statuspage.shapes import INCIDENT
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.cleaning import canonical
from precedent.sources.shapes.fields import UnreadableError, moment
from precedent.sources.shapes.guard import guarded
from precedent.sources.source import Cursor, Listed, Page, Probe, Stream

INCIDENTS = Stream("incidents", frozenset({RawKind.INCIDENT}))
FEED = "/api/v2/incidents.json"
REMEMBERED = 50


class StatuspageSource:
    """The newest incidents of a page; it lists about 50, and older ones stay as they were read."""

    def __init__(self, base_url: str, *, options: HttpOptions | None = None) -> None:
        """Prepare; nothing is asked yet.

        Args:
            base_url: The address of the page, e.g. `https://status.example.com`.
            options: Limits of time and size.

        Raises:
            UsageError: not an `http` or `https` URL, or one with credentials in it.
        """
        self.base_url = checked_url(base_url, "a status page")
        self._client = HttpClient(self.base_url, urlsplit(self.base_url).hostname or self.base_url, options=options)
        self._page: str | None = None

    @property
    def requests(self) -> int:
        """HTTP requests sent so far; those that redirects cause are not counted."""
        return self._client.requests

    def streams(self) -> tuple[Stream, ...]:
        """One; what is older than the list cannot be enumerated, so nothing sweeps."""
        return (INCIDENTS,)

    def probe(self, before: Probe | None = None) -> Probe:
        """A digest of the listed incidents, in one request that costs nothing where the page knows its ETag."""
        reply = self._get(before.validators.get("etag") if before else None)
        if reply.unchanged and before is not None:
            self._page = before.validators.get("page")
            return before
        incidents = canonical(self._listed(reply))
        return Probe(token=hashlib.sha256(incidents).hexdigest(), validators={**_validators(reply), "page": self._page})

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """One page with all that is listed, oldest change first, or none where the ETag still holds.

        An incident that was listed and no longer is has been deleted if an older one still is; else it may only
        have dropped out at the old end, and is kept. An empty list therefore takes nothing away, nor does one that
        is not in the order of creation: which incident drops out of it next is then unknown.
        """
        before = cursor or {}
        reply = self._get(before.get("etag"))
        if reply.unchanged:
            return
        incidents = self._listed(reply)
        ids = {str(incident.get("id")) for incident in incidents if isinstance(incident, dict)}
        listed = _remembered(incidents)
        oldest = _oldest([created for _, created in listed])
        gone = tuple(
            (RawKind.INCIDENT, known)
            for known, created in before.get("listed", [])
            if known not in ids and oldest is not None and created > oldest
        )
        records = [
            guarded(INCIDENT.record, incident, "incidents.json", number)
            for number, incident in enumerate(incidents, start=1)
        ]
        if since is not None and cursor is None:
            records = [record for record in records if not _older(record, since)]
        after = {**_validators(reply), "listed": listed[:REMEMBERED]}
        yield Page(tuple(sorted(records, key=_changed)), after, gone)

    def identity(self) -> str | None:
        """The page's own id, which the list of incidents names."""
        if self._page is None:
            self._get()
        return self._page

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """The incidents that are listed now."""
        for known, _ in _remembered(self._listed(self._get())):
            yield Listed(RawKind.INCIDENT, known)

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """None: the page gives no single incident, and every read brings all that it lists."""
        yield from ()

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """Never: the page says nothing of a single incident, and one that is not listed may only be old."""
        return False

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        self._client.close()

    def _get(self, etag: str | None = None) -> Reply:
        try:
            reply = self._client.get(FEED, etag=etag, what=FEED)
        except NotThere as fault:
            raise NotThere(
                f"{self.base_url} is not a Statuspage: it has no {FEED} ({fault.status}). Check the address.",
                fault.status,
            ) from None
        page = None if reply.unchanged else reply.data.get("page")
        if isinstance(page, dict) and isinstance(page.get("id"), str):
            self._page = page["id"]
        return reply

    def _listed(self, reply: Reply) -> list[Any]:
        """The incidents as they came, without scheduled maintenance."""
        incidents = reply.data.get("incidents")
        if not isinstance(incidents, list):
            raise ActionRequired(
                "other_shape", f"{self.base_url} is not a Statuspage: its {FEED} has another form. Check the address."
            )
        return [item for item in incidents if not (isinstance(item, dict) and item.get("scheduled_for"))]


def _validators(reply: Reply) -> dict[str, Any]:
    etag = reply.headers.get("etag")
    return {"etag": etag} if etag else {}


def _remembered(incidents: list[Any]) -> list[tuple[str, str]]:
    """Ids and when they were created (ISO 8601, UTC), in the order of the list, of those that say both."""
    found: list[tuple[str, str]] = []
    for incident in incidents:
        try:
            created = moment(incident["created_at"], "created_at")
            if created is not None:
                found.append((str(incident["id"]), created.isoformat(timespec="milliseconds")))
        except (UnreadableError, KeyError, TypeError):
            continue
    return found


def _oldest(created: list[str]) -> str | None:
    """The end of a list that is newest first; None where it is empty or in another order."""
    in_order = all(newer >= older for newer, older in pairwise(created))
    return created[-1] if created and in_order else None


def _changed(record: RawRecord | RejectedRecord) -> float:
    """When a record was last changed, epoch seconds; what cannot be read comes first."""
    changed = record.updated_at if isinstance(record, RawRecord) else None
    return changed.timestamp() if changed else 0.0


def _older(record: RawRecord | RejectedRecord, since: datetime) -> bool:
    return isinstance(record, RawRecord) and record.updated_at is not None and record.updated_at < since
