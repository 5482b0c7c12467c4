"""A loopback Jira, as Server and Data Center are or as Cloud is."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import orjson

from precedent.testing.loopback import LoopbackServer, Request, Response
from tests.servers.jira_documents import comment_with_document, with_documents
from tests.servers.jira_issue import Held, held_of, information, read, written
from tests.servers.jira_jql import JqlError, Parser

EXPANDS = "operations,versionedRepresentations,editmeta,changelog,renderedFields"
TIMES = ("created", "updated", "resolutiondate")
MOST_ISSUES = {"server": 1000, "cloud": 100}
MOST_KEYS = 5000
CLOUD_COMMENTS = 20
CLOUD_HISTORIES = 40


class JiraServer(LoopbackServer):
    """A Jira in memory; times are its own clock's.

    Args:
        flavour: Which interface it has.
        zone: The time zone of its users, and its own.
        authorization: The header that lets one in; None: everybody may read.
        context: The path under which it lives.

    Attributes:
        now: The true time; every write takes a second. `skew` is how far the server's clock is ahead of it.
        comments_shown: How many comments a search gives of an issue; None: all.
        page_limit: The most comments or entries of history on one page.
        calls_cut_whole: Whether a search gives as total of a history what it shows of it.
        fold: How it reads a minute that the clock shows twice.
        first_project: What the numbers of projects begin with.
    """

    def __init__(
        self,
        flavour: Literal["server", "cloud"] = "server",
        *,
        zone: str = "UTC",
        authorization: str | None = None,
        context: str = "",
    ) -> None:
        super().__init__()
        self.flavour = flavour
        self.zone = ZoneInfo(zone)
        self.authorization = authorization
        self.context = context
        self.base_url = self.url + context
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.skew = timedelta(0)
        self.comments_shown = CLOUD_COMMENTS if flavour == "cloud" else None
        self.page_limit = 100
        self.calls_cut_whole = False
        self.fold = 0
        self.first_project = 10_000
        self.issues: dict[str, Held] = {}
        self.moved: dict[str, str] = {}
        self.names: dict[str, str] = {"summary": "Summary", "environment": "Environment"}
        self._ordered: dict[str, list[Held]] = {}
        self._projects: dict[str, int] = {}
        self._keys: list[str] = []

    @property
    def clock(self) -> datetime:
        """What the server's clock shows."""
        return self.now + self.skew

    def load(self, record: dict[str, Any]) -> None:
        """Take in a record of the archive."""
        held = held_of(record)
        self._projects.setdefault(held.fields["project"]["key"], len(self._projects))
        self.issues[held.key] = held
        self._ordered.clear()

    def add_issue(self, project: str = "PRO", *, at: datetime | None = None, **fields: Any) -> str:
        """A new issue, last changed at `at`; its key."""
        with self.lock:
            moment = written(at or self._tick(), UTC)
            values = {"summary": "Something", "project": {"key": project}, "labels": [], "components": []}
            given = {"created": moment, "updated": moment} | fields
            key = self._new_key(project)
            self.load({"id": str(10_000 + len(self._keys)), "key": key, "fields": values | given})
            return key

    def change_issue(self, key: str, *, at: datetime | None = None, **fields: Any) -> None:
        """Change fields, with an entry in the history."""
        with self.lock:
            held = self.issues[key]
            items = [{"field": name, "fromString": held.fields.get(name), "toString": fields[name]} for name in fields]
            held.fields |= fields
            self._touch(held, at)
            entry = {"id": str(len(held.histories) + 1), "created": written(held.updated, UTC), "items": items}
            held.histories.append(entry)

    def comment(self, key: str, body: str) -> None:
        """Add a comment."""
        with self.lock:
            held = self.issues[key]
            self._touch(held, None)
            number = f"{key}:{len(held.comments) + 1}"
            held.comments.append({"id": number, "body": body, "created": written(held.updated, UTC)})

    def delete_issue(self, key: str) -> None:
        """Delete an issue."""
        with self.lock:
            del self.issues[key]
            self._ordered.clear()

    def move_issue(self, key: str, project: str) -> str:
        """Give an issue a key in another project; the old one leads to it."""
        with self.lock:
            held = self.issues.pop(key)
            self._projects.setdefault(project, len(self._projects))
            held.key = self._new_key(project)
            held.fields["project"] = {"key": project}
            self.issues[held.key] = held
            self.moved[key] = held.key
            self._touch(held, None)
            return held.key

    def define_field(self, name: str) -> str:
        """A custom field; its id."""
        number = f"customfield_{10_000 + len(self.names)}"
        self.names[number] = name
        return number

    def limit(self, seconds: int, *, times: int = 1) -> None:
        """Refuse the next requests with 429, as Cloud does."""
        headers = {"Retry-After": str(seconds), "X-RateLimit-Limit": "350", "X-RateLimit-Remaining": "0"}
        headers["X-RateLimit-Reset"] = f"{self.clock + timedelta(seconds=seconds):%Y-%m-%dT%H:%MZ}"
        self.fail("status", times=times, response=Response({"errorMessages": ["Rate limit exceeded."]}, 429, headers))

    def searches(self) -> list[Request]:
        """The searches asked for so far."""
        return [asked for asked in self.requests if "/search" in asked.path]

    def answer(self, asked: Request) -> Response:
        path = asked.path.removeprefix(self.context)
        if path == "/rest/api/2/serverInfo":
            return Response(information(self.base_url, self.flavour, self.clock, self.zone))
        if self.authorization is not None and asked.headers.get("authorization") != self.authorization:
            return Response({"errorMessages": ["You are not authenticated."]}, 401)
        if path == "/rest/api/2/myself":
            anonymous = "authorization" not in asked.headers
            return Response({"timeZone": self.zone.key}, 401 if anonymous else 200)
        match path.removeprefix("/rest/api/").split("/"), self.flavour:
            case (["2", "search"], "server") | (["3", "search", "jql"], "cloud"):
                return self._search(asked.query)
            case (["2" | "3", "search"], "cloud"):
                return Response({"errorMessages": ["The requested API has been removed."]}, 410)
            case ([version, "field"], _) if version == self._version:
                return Response(
                    [
                        {"id": name, "name": said, "custom": name.startswith("customfield_")}
                        for name, said in self.names.items()
                    ]
                )
            case ([version, "project", key], _) if version == self._version:
                return Response({"id": str(self.first_project + self._projects.get(key, 0)), "key": key})
            case ([version, "issue", key, *rest], _) if version == self._version:
                return self._issue(unquote(key), rest, asked.query)
            case _:
                return Response({"message": "null for uri: " + path, "status-code": 404}, 404)

    @property
    def _version(self) -> str:
        return "3" if self.flavour == "cloud" else "2"

    def _search(self, query: dict[str, str]) -> Response:
        try:
            found = self._matching(query.get("jql", ""))
            first, token = (
                (0, query.get("nextPageToken")) if self.flavour == "cloud" else (int(query.get("startAt", 0)), None)
            )
            if token:
                first = self._after(found, query["jql"], token)
        except JqlError as error:
            return Response({"errorMessages": [str(error)], "warningMessages": []}, 400)
        fields = query.get("fields", "id" if self.flavour == "cloud" else "*navigable")
        most = MOST_KEYS if fields in {"id", "key"} and self.flavour == "cloud" else MOST_ISSUES[self.flavour]
        size = min(int(query.get("maxResults", 50)), most)
        page = found[first : first + size]
        changelog = "changelog" in query.get("expand", "")
        issues = [orjson.Fragment(self._rendered(held, fields, changelog)) for held in page]
        if self.flavour == "server":
            total = {"startAt": first, "maxResults": size, "total": len(found)}
            return Response(orjson.dumps({"expand": "names,schema", **total, "issues": issues}))
        more = first + size < len(found)
        token = {"nextPageToken": self._token(query["jql"], page[-1])} if more else {}
        return Response(orjson.dumps({"issues": issues, "isLast": not more, **token}))

    def _matching(self, jql: str) -> list[Held]:
        if jql not in self._ordered:
            query = Parser(jql, self._projects, self.zone, self.fold).query()
            if self.flavour == "cloud" and not query.bounded:
                raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction.")
            found = [held for held in self.issues.values() if query.test(held)]
            self._ordered[jql] = sorted(found, key=lambda held: held.rank(query.order, self._projects))
        return self._ordered[jql]

    def _order(self, jql: str) -> tuple[tuple[str, bool], ...]:
        return Parser(jql, self._projects, self.zone).query().order

    def _token(self, jql: str, last: Held) -> str:
        """The place behind an issue, good for this query only."""
        digest = hashlib.sha256(jql.encode()).hexdigest()[:12]
        return base64.urlsafe_b64encode(orjson.dumps([digest, last.rank(self._order(jql), self._projects)])).decode()

    def _after(self, found: list[Held], jql: str, token: str) -> int:
        try:
            digest, rank = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            digest, rank = "", []
        if digest != hashlib.sha256(jql.encode()).hexdigest()[:12]:
            raise JqlError("The provided next page token is invalid or expired.")
        order = self._order(jql)
        return sum(held.rank(order, self._projects) <= rank for held in found)

    def _issue(self, key: str, rest: list[str], query: dict[str, str]) -> Response:
        held = self.issues.get(self.moved.get(key, key))
        if held is None:
            return Response({"errorMessages": ["Issue Does Not Exist"], "errors": {}}, 404)
        first, most = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), self.page_limit)
        where = {"startAt": first, "maxResults": most}
        match rest, self.flavour:
            case [], _:
                return Response(
                    self._rendered(held, query.get("fields", "*all"), "changelog" in query.get("expand", ""))
                )
            case ["comment"], _:
                page = self._written_comments(held)[first : first + most]
                return Response(where | {"total": len(held.comments), "comments": page})
            case ["changelog"], "cloud":
                page = held.histories[first : first + most]
                last = first + most >= len(held.histories)
                return Response(where | {"total": len(held.histories), "values": page, "isLast": last})
            case _:
                return Response({"message": "null for uri", "status-code": 404}, 404)

    def _written_comments(self, held: Held) -> list[dict[str, Any]]:
        return [comment_with_document(item) for item in held.comments] if self.flavour == "cloud" else held.comments

    def _rendered(self, held: Held, fields: str, changelog: bool) -> bytes:
        if fields != "*all":
            asked = fields.split(",")
            values = self._issue_of(held)
            values["fields"] = {name: value for name, value in values["fields"].items() if name in asked}
            return orjson.dumps(values)
        if held.rendered is None:
            held.rendered = orjson.dumps(self._issue_of(held))
        if not changelog:
            return held.rendered
        shown = held.histories[::-1][:CLOUD_HISTORIES] if self.flavour == "cloud" else held.histories
        total = len(shown if self.calls_cut_whole else held.histories)
        history = {"startAt": 0, "maxResults": len(shown), "total": total, "histories": shown}
        return held.rendered[:-1] + b',"changelog":' + orjson.dumps(history) + b"}"

    def _issue_of(self, held: Held) -> dict[str, Any]:
        address = f"{self.base_url}/rest/api/{self._version}/issue/{held.record['id']}"
        shown = self._written_comments(held)[: self.comments_shown]
        total = len(held.comments)
        times = {name: written(read(held.fields[name]), self.zone) for name in TIMES if held.fields.get(name)}
        comment = {"comments": shown, "maxResults": total, "total": total, "startAt": 0}
        issue = held.record | {
            "expand": EXPANDS,
            "key": held.key,
            "self": address,
            "fields": held.fields | times | {"comment": comment},
        }
        return with_documents(issue) if self.flavour == "cloud" else issue

    def _touch(self, held: Held, at: datetime | None) -> None:
        held.updated = at or self._tick()
        held.fields["updated"] = written(held.updated, UTC)
        held.rendered = None
        self._ordered.clear()

    def _new_key(self, project: str) -> str:
        taken = [*self._keys, *self.issues]
        number = 1 + max((int(key.rpartition("-")[2]) for key in taken if key.startswith(f"{project}-")), default=0)
        self._keys.append(f"{project}-{number}")
        return self._keys[-1]

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.clock
