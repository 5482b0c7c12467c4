"""Live source `statuspage`: the incidents that a public status page lists."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from precedent.errors import UsageError
from precedent.sources.certificates import trusted
from precedent.sources.errors import NeedsAttention, NotThere, Transient
from precedent.sources.http_client import LARGEST_ANSWER, Answer, Caller, Reply
from precedent.sources.kind import Cursor, Page, Probe, Stream
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes import recognition as shapes
from precedent.sources.shapes.cleaning import clean
from precedent.sources.shapes.fields import UnreadableError, moment

if TYPE_CHECKING:
    import httpx

INCIDENTS = Stream("incidents", frozenset({RawKind.INCIDENT}))
FEED, SUMMARY = "api/v2/incidents.json", "api/v2/summary.json"
TIMEOUT_S = 30.0
REDIRECTS = 5
REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What a page says of itself."""

    id: str
    name: str


class StatuspageSource:
    """The newest incidents of a page; it lists about 50, and older ones stay as they were read."""

    def __init__(
        self, base_url: str, *, timeout_s: float = TIMEOUT_S, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Say where it is; nothing is asked yet.

        Args:
            base_url: The address of the page, e.g. `https://status.example.com`.
            timeout_s: The longest silence of the server, seconds.
            sleep: How to wait between attempts; tests replace it.

        Raises:
            UsageError: no `http` or `https` URL, or one with credentials in it.
        """
        parts = urlsplit(base_url)
        if parts.username is not None or parts.password is not None:
            raise UsageError("The URL holds credentials: a status page is public, leave them out.")
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise UsageError("The URL of a status page begins with https:// and names a host.")
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._client: httpx.Client | None = None
        self._caller = Caller(self._send, parts.hostname, sleep=sleep)

    @property
    def requests(self) -> int:
        """HTTP requests sent so far; those that redirects cause are not counted."""
        return self._caller.requests

    def describe(self) -> StatusPage:
        """The page's id and name, in one request."""
        page = self._get(SUMMARY).data.get("page")
        if not isinstance(page, dict) or not isinstance(page.get("id"), str) or not isinstance(page.get("name"), str):
            raise self._other_shape(SUMMARY)
        return StatusPage(page["id"], page["name"])

    def streams(self) -> tuple[Stream, ...]:
        """One; what is older than the list cannot be enumerated, so nothing sweeps."""
        return (INCIDENTS,)

    def probe(self, before: Probe | None = None) -> Probe:
        """A digest of the listed incidents, in one request that costs nothing where the page knows its ETag."""
        reply = self._get(FEED, before.validators.get("etag") if before else None)
        if reply.unchanged and before is not None:
            return before
        incidents = orjson.dumps(self._listed(reply), option=orjson.OPT_SORT_KEYS)
        return Probe(token=hashlib.sha256(incidents).hexdigest(), validators=_validators(reply))

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """One page with all that is listed, oldest change first, or none where the ETag still holds.

        An incident that was listed and no longer is has been deleted if an older one still is; else it may only
        have dropped out at the old end, and is kept. An empty list therefore takes nothing away, nor does one that
        is not in the order of creation: nobody knows what drops out of it next.
        """
        before = cursor or {}
        reply = self._get(FEED, before.get("etag"))
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
        records = [_record(incident, number) for number, incident in enumerate(incidents, start=1)]
        if since is not None and cursor is None:
            records = [record for record in records if not _older(record, since)]
        after = {**_validators(reply), "listed": listed[:REMEMBERED]}
        yield Page(tuple(sorted(records, key=_changed)), after, gone)

    def ids(self, stream: Stream) -> Iterator[tuple[RawKind, str]]:
        """The incidents that are listed now."""
        for known, _ in _remembered(self._listed(self._get(FEED))):
            yield RawKind.INCIDENT, known

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """Never: the page says nothing of a single incident, and one that is not listed may only be old."""
        return False

    def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _get(self, path: str, etag: str | None = None) -> Reply:
        try:
            return self._caller.get(path, etag=etag, what=f"/{path}")
        except NotThere as fault:
            raise NotThere(
                f"{self.base_url} is no Statuspage: it has no /{path} ({fault.status}). Give the address of the page.",
                fault.status,
            ) from None

    def _listed(self, reply: Reply) -> list[Any]:
        """The incidents as they came; maintenance that was scheduled is none."""
        data = reply.data
        incidents = data.get("incidents") if isinstance(data, dict) else None
        if not isinstance(incidents, list):
            raise self._other_shape(FEED)
        return [item for item in incidents if not (isinstance(item, dict) and item.get("scheduled_for"))]

    def _other_shape(self, path: str) -> NeedsAttention:
        return NeedsAttention(
            "other_shape", f"{self.base_url} is no Statuspage: its /{path} is of another form. Check the address."
        )  # fmt: skip

    def _send(self, path: str, parameters: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        import httpx

        if self._client is None:
            self._client = httpx.Client(
                timeout=self._timeout_s, follow_redirects=True, max_redirects=REDIRECTS, verify=trusted()
            )
        try:
            with self._client.stream(
                "GET", f"{self.base_url}/{path}", params=dict(parameters) or None, headers=dict(headers)
            ) as response:
                body = bytearray()
                for part in response.iter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        break  # longer than allowed is enough for the caller to refuse it
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, named, bytes(body), str(response.url))
        except httpx.TooManyRedirects:
            raise NeedsAttention(
                "redirects", f"{self.base_url} redirects more than {REDIRECTS} times: give the address it leads to."
            ) from None
        except httpx.TimeoutException:
            raise Transient("timeout", f"{self.base_url} does not answer within {self._timeout_s:g} s.") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Transient("unreachable", f"{self.base_url} cannot be reached ({type(error).__name__}).") from None
        except httpx.InvalidURL:
            raise NeedsAttention("redirects", f"{self.base_url} leads to an address that is none.") from None


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


def _record(incident: Any, number: int) -> RawRecord | RejectedRecord:
    if not isinstance(incident, dict):
        return RejectedRecord("incidents.json", number, "not_an_object", "The incident is no object.")
    payload, notes = clean(incident)
    try:
        return shapes.record(payload, notes)
    except UnreadableError as error:
        return RejectedRecord("incidents.json", number, error.reason, error.detail)


def _changed(record: RawRecord | RejectedRecord) -> float:
    """When a record was last changed, epoch seconds; what cannot be read comes first."""
    changed = record.updated_at if isinstance(record, RawRecord) else None
    return changed.timestamp() if changed else 0.0


def _older(record: RawRecord | RejectedRecord, since: datetime) -> bool:
    return isinstance(record, RawRecord) and record.updated_at is not None and record.updated_at < since
