"""Issues of a Jira, read through its REST interface."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from precedent.errors import ActionRequired, NotThere, UsageError
from precedent.http.addresses import checked_url
from precedent.http.client import HttpOptions
from precedent.sources.kinds.jira.auth import JiraAuth, connected
from precedent.sources.kinds.jira.cursor import Position, identity
from precedent.sources.kinds.jira.issue_details import Completion
from precedent.sources.kinds.jira.paging import IssuePass, Reading
from precedent.sources.kinds.jira.query import by_creation, changed_since, newest_change, scope
from precedent.sources.kinds.jira.search import EMPTY_PAGES, Deployment, Found, Place, link_loop, search
from precedent.sources.kinds.jira.shapes import ISSUE
from precedent.sources.kinds.jira.timezone import LowerBound, UserZone, named_zone, server_zone
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.fields import moment_of
from precedent.sources.shapes.guard import guarded
from precedent.sources.source import Cursor, Listed, Page, Probe, Stream

ISSUES = Stream("issues", frozenset({RawKind.ISSUE}), sweeps=True)
LISTED_PER_PAGE = 1_000


class JiraSource:
    """Issues of Jira Cloud, Server or Data Center, with their comments and history.

    What changed is found by the issues' own times, never by this machine's clock. Of the custom fields only those
    named in `fields` are kept (see `Completion`); another scope or other fields read everything again.

    Args:
        base_url: With the context path where there is one.
        projects: Keys of projects; none: all that the credentials may see.
        jql: A condition that issues must meet as well; it must not order.
        deployment: Which interface; `auto` asks the server.
        auth: Credentials; None: anonymous.
        fields: Custom fields to keep, by name.
        overlap_minutes: How far before the newest known change each pass begins, for a search index that lags.
        page_size: Issues on a page; servers may give fewer.
        options: Limits of time and size.

    Raises:
        UsageError: an address, key or condition that is not valid.
    """

    def __init__(
        self,
        base_url: str,
        *,
        projects: tuple[str, ...] = (),
        jql: str | None = None,
        deployment: Literal["auto", "cloud", "server"] = "auto",
        auth: JiraAuth | None = None,
        fields: tuple[str, ...] = (),
        overlap_minutes: int = 2,
        page_size: int = 100,
        options: HttpOptions | None = None,
    ) -> None:
        if page_size < 1 or overlap_minutes < 0:
            raise UsageError("Jira needs a page size of 1 or more and an overlap of no less than 0 minutes.")
        self._auth = auth or JiraAuth()
        self._projects = projects
        self._scope = scope(projects, jql)
        self._fields = fields
        self._overlap = timedelta(minutes=overlap_minutes)
        self._size = page_size
        self._options = options or HttpOptions()
        self._said = None if deployment == "auto" else Deployment(deployment)
        self._found: Deployment | None = None
        self._server: dict[str, Any] | None = None
        base = checked_url(base_url, "Jira")
        self._client = connected(base, urlsplit(base).hostname or "Jira", self._auth, self._options)

    @property
    def requests(self) -> int:
        """HTTP requests sent so far."""
        return self._client.requests

    def streams(self) -> tuple[Stream, ...]:
        """Issues, which hold their comments and links."""
        return (ISSUES,)

    def probe(self, before: Probe | None = None) -> Probe:
        """The newest change and, on Server, the number of issues: one request, and one more the first time."""
        if before is not None and before.validators.get("deployment"):
            self._found = self._found or Deployment(before.validators["deployment"])
        found = self._search(newest_change(self._scope), fields="updated", size=1)
        newest = ""
        if found.issues:
            fields = found.issues[0].get("fields")
            updated = fields.get("updated") if isinstance(fields, dict) else None
            newest = f"{found.issues[0].get('key')} {updated}"
        token = newest if found.total is None else f"{newest} {found.total}"
        return Probe(token, {"deployment": self._deployment().value})

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """New and changed issues; where nothing has changed, two requests and no page."""
        what = identity(self._scope, self._fields)
        position = Position.of(cursor, what) if cursor else None
        if position is not None and self._said in {None, position.deployment}:
            self._found = self._found or position.deployment
        else:
            position = None
        deployment = self._deployment()
        completion = Completion(self._client, deployment, self._fields)
        if position is None:
            _ = completion.names  # so that an unknown field shows before hours of reading
        reading = Reading(
            name=self._client.name,
            deployment=deployment,
            identity=what,
            search=self._changed,
            completion=completion,
            zone=self._zone(),
            overlap=self._overlap,
            size=self._size,
            now=self._options.retry.now,
            server_time=self._client.server_time,
        )
        yield from IssuePass(reading, position or Position(deployment)).pages(cursor, since)

    def identity(self) -> str | None:
        """The numbers of the projects, at a request for each; None where a condition alone says what is read."""
        return ", ".join(f"{key} {self._project(key)}" for key in sorted(self._projects)) or None

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """The keys of all issues, and when each was last changed."""
        keys = partial(self._search, by_creation(self._scope), fields="updated", size=LISTED_PER_PAGE)
        place: Place | None = None
        places: set[Place] = set()
        empty = 0
        while True:
            found = keys(place)
            for issue in found.issues:
                if isinstance(issue.get("key"), str):
                    yield Listed(RawKind.ISSUE, issue["key"], moment_of(issue.get("fields"), "updated"))
            if found.after is None:
                return
            empty = 0 if found.issues else empty + 1
            if found.after in places or empty > EMPTY_PAGES:
                raise link_loop(self._client.name)
            place = found.after
            places.add(place)

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """The whole issue of a key.

        Raises:
            NotThere: it has gone since it was listed.
        """
        deployment = self._deployment()
        path = f"{deployment.api}/issue/{quote(listed.external_id, safe='')}"
        parameters = {"fields": "*all", "expand": "changelog"}
        issue = self._client.get(path, parameters, what=f"issue {listed.external_id}").data
        payload = Completion(self._client, deployment, self._fields).payload(issue)
        yield guarded(ISSUE.record, payload, f"issue/{listed.external_id}", 1)

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """True if an issue is not there any more, or has another key in another project."""
        path = f"{self._deployment().api}/issue/{quote(external_id, safe='')}"
        try:
            answered = self._client.get(path, {"fields": "key"}, what=f"issue {external_id}").data
        except NotThere:
            return True
        return bool(answered.get("key") != external_id)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _project(self, key: str) -> str:
        path = f"{self._deployment().api}/project/{quote(key, safe='')}"
        number = self._client.get(path, what=f"project {key}").data.get("id")
        if not isinstance(number, str | int) or not str(number):
            raise ActionRequired("other_shape", f"{self._client.name} gives project {key} no id: check the base URL.")
        return str(number)

    def _search(self, jql: str, place: Place | None = None, *, fields: str, size: int) -> Found:
        return search(self._client, self._deployment(), jql, place, fields=fields, size=size)

    def _changed(self, lower: LowerBound, place: Place | None, size: int) -> Found:
        jql = changed_since(self._scope, lower)
        return search(self._client, self._deployment(), jql, place, fields="*all", size=size, changelog=True)

    def _deployment(self) -> Deployment:
        if self._said is not None:
            return self._said
        if self._found is None:
            cloud = str(self._information().get("deploymentType", "")).casefold() == "cloud"
            self._found = Deployment.CLOUD if cloud else Deployment.SERVER
        return self._found

    def _zone(self) -> UserZone:
        if not self._auth.anonymous:
            # Asked at each pass: with a zone that its user has changed since, a query would begin too late.
            try:
                profile = self._client.get("/rest/api/2/myself", what="the user's profile").data
            except ActionRequired as fault:
                if fault.code != "forbidden":
                    raise
            else:
                zone = named_zone(profile.get("timeZone"))
                if zone is not None:
                    return zone
        return server_zone(self._information())

    def _information(self) -> dict[str, Any]:
        if self._server is None:
            information: dict[str, Any] = self._client.get("/rest/api/2/serverInfo", what="server information").data
            self._server = information
        return self._server
