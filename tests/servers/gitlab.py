"""A loopback GitLab: version 4 of its REST interface, for one project that tests fill and change."""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode

from precedent.testing.loopback import LoopbackServer, Request, Response

Item = dict[str, Any]
NOT_FOUND = Response({"message": "404 Not Found"}, 404)
ADDRESS = re.compile(r"/projects/([^/]+)(?:/(.*))?$")
# The lists that go by `updated_at`, and whether their links name a place in that order.
DATED = {"issues", "merge_requests", "deployments", "pipelines"}


class GitLabServer(LoopbackServer):
    """A project below GitLab's paths; every change takes ten seconds of its clock.

    Attributes:
        token: The only token that is let in; None lets everybody in.
        keyset: Whether the list of issues has links by keyset.
        switched_off: Lists that answer 403.
        links_to: A base URL of another host that links lead to.
        shown: The most items of a page.
    """

    def __init__(self, name: str = "acme/shop", *, prefix: str = "") -> None:
        super().__init__()
        self.base_url = self.url + prefix
        self.prefix = f"{prefix}/api/v4"
        self.name = name
        self.number = 81
        self.former: set[str] = set()
        self.branch = "main"
        self.token: str | None = None
        self.keyset = True
        self.switched_off: set[str] = set()
        self.links_to: str | None = None
        self.shown = 100
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.issues: dict[int, Item] = {}
        self.merge_requests: dict[int, Item] = {}
        self.notes: dict[tuple[str, int], dict[int, Item]] = {}
        self.releases: dict[str, Item] = {}
        self.deployments: dict[int, Item] = {}
        self.pipelines: dict[int, Item] = {}
        self.jobs: dict[int, list[Item]] = {}
        self._last = 1_000

    def dated(self) -> datetime:
        return self.at

    def add_issue(self, title: str = "An issue", **values: Any) -> int:
        iid = len(self.issues) + 1
        page = f"{self.url}/{self.name}/-/issues/{iid}"
        self.issues[iid] = self._item(iid, title, page) | {"issue_type": "issue"} | values
        return iid

    def add_merge_request(self, title: str = "A change", **values: Any) -> int:
        iid = len(self.merge_requests) + 1
        page = f"{self.url}/{self.name}/-/merge_requests/{iid}"
        branches = {"source_branch": "topic", "target_branch": "main", "draft": False}
        self.merge_requests[iid] = self._item(iid, title, page) | branches | values
        return iid

    def add_note(self, path: str, iid: int, body: str = "A note.", *, system: bool = False, **values: Any) -> int:
        """A note on an item of `issues` or `merge_requests`."""
        number, at = self._next(), self._stamp()
        kind = "Issue" if path == "issues" else "MergeRequest"
        self.notes.setdefault((path, iid), {})[number] = {
            "id": number,
            "body": body,
            "author": {"username": "bob"},
            "created_at": at,
            "updated_at": at,
            "system": system,
            "noteable_type": kind,
            "noteable_iid": iid,
            "project_id": 81,
        } | values
        item = getattr(self, path)[iid]
        item["updated_at"] = at
        item["user_notes_count"] += 0 if system else 1
        return number

    def add_release(self, tag: str, **values: Any) -> str:
        at = self._stamp()
        self.releases[tag] = {
            "tag_name": tag,
            "name": f"Release {tag}",
            "description": "* Fixes",
            "created_at": at,
            "released_at": at,
            "author": {"username": "ada"},
            "upcoming_release": False,
            "_links": {"self": f"{self.url}/{self.name}/-/releases/{tag}"},
        } | values
        return tag

    def add_deployment(self, environment: str = "production") -> int:
        number, at = self._next(), self._stamp()
        self.deployments[number] = {
            "id": number,
            "iid": len(self.deployments) + 1,
            "ref": "main",
            "sha": "c" * 40,
            "status": "success",
            "created_at": at,
            "updated_at": at,
            "environment": {"id": 9, "name": environment},
            "deployable": {"commit": {"message": "Deploy the shop"}},
        }
        return number

    def add_pipeline(
        self, status: str = "failed", *, ref: str = "main", jobs: Iterable[Item] = (), **values: Any
    ) -> int:
        number, at = self._next(), self._stamp()
        self.pipelines[number] = {
            "id": number,
            "iid": len(self.pipelines) + 1,
            "project_id": 81,
            "status": status,
            "source": "push",
            "ref": ref,
            "sha": "d" * 40,
            "name": None,
            "web_url": f"{self.url}/{self.name}/-/pipelines/{number}",
            "created_at": at,
            "updated_at": at,
        } | values
        self.jobs[number] = list(jobs)
        return number

    def change(self, items: dict[int, Item], number: int, **values: Any) -> None:
        items[number] |= {"updated_at": self._stamp()} | values

    def rename(self, name: str) -> None:
        self.former.add(self.name)
        self.name = name

    def limit(self, seconds: int, times: int = 1) -> None:
        """The limit of a user: its end as GitLab writes it."""
        ends = str(int((self.at + timedelta(seconds=seconds)).timestamp()))
        headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": ends}
        self.fail("status", times=times, response=Response(b"Retry later\n", 429, headers, "text/plain"))

    def paths(self) -> list[str]:
        """The paths asked for, below the project."""
        return [(found[2] or "") for asked in self.requests if (found := ADDRESS.search(asked.path))]

    def answer(self, request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.token is not None and self.token not in {request.headers.get("private-token"), bearer}:
            return Response({"message": "401 Unauthorized"}, 401)
        found = ADDRESS.fullmatch(request.path.removeprefix(self.prefix))
        named = unquote(found[1]) if found else ""
        if found and named in self.former:
            query = f"?{urlencode(request.query)}" if request.query else ""
            rest = f"/{found[2]}" if found[2] else ""
            return Response({}, 301, {"Location": f"{self.url}{self.prefix}/projects/{self.number}{rest}{query}"})
        if not found or named not in {str(self.number), self.name}:
            return Response({"message": "404 Project Not Found"}, 404)
        return self._conditional(self._project(found[2] or "", request), request)

    def _conditional(self, response: Response, request: Request) -> Response:
        if response.status != 200:
            return response
        etag = f'W/"{hashlib.sha256(response.body()).hexdigest()}"'
        headers = {**response.headers, "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(None, 304, headers)
        return Response(response.data, 200, headers)

    def _project(self, rest: str, request: Request) -> Response:
        first, _, last = rest.partition("/")
        if first in self.switched_off:
            return Response({"message": "403 Forbidden"}, 403)
        if not rest:
            return Response({"id": self.number, "path_with_namespace": self.name, "default_branch": self.branch})
        if noted := re.fullmatch(r"(issues|merge_requests)/(\d+)/notes", rest):
            held = self.notes.get((noted[1], int(noted[2])), {}).values()
            return self._page(rest, [note for note in held if not self._left_out(note, request)], request)
        if job := re.fullmatch(r"pipelines/(\d+)/jobs", rest):
            return self._page(rest, self.jobs.get(int(job[1]), []), request)
        lists: dict[str, Callable[[], Iterable[Item]]] = {
            "issues": self.issues.values,
            "merge_requests": self.merge_requests.values,
            "releases": self.releases.values,
            "deployments": self.deployments.values,
            "pipelines": self.pipelines.values,
        }
        if rest in lists:
            return self._page(rest, [item for item in lists[rest]() if _matches(item, request.query)], request)
        singles: dict[str, dict[int, Item]] = {
            "issues": self.issues,
            "merge_requests": self.merge_requests,
            "deployments": self.deployments,
        }
        found = self.releases.get(unquote(last)) if first == "releases" else singles.get(first, {}).get(int(last or 0))
        return Response(found) if found else NOT_FOUND

    def _left_out(self, note: Item, request: Request) -> bool:
        return note["system"] and request.query.get("activity_filter") == "only_comments"

    def _page(self, rest: str, items: Iterable[Item], request: Request) -> Response:
        query = request.query
        order = query.get("order_by", "released_at" if rest == "releases" else "id")
        ordered = sorted(
            items, key=lambda item: (item.get(order) or "", item.get("id", 0)), reverse=query.get("sort") != "asc"
        )
        size = min(int(query.get("per_page", 20)), self.shown)
        keyset = self.keyset and rest == "issues" and query.get("pagination") == "keyset"
        if keyset:
            after = query.get("cursor", "")
            ordered = [item for item in ordered if not after or _place(item, order) > after]
            page, more = ordered[:size], len(ordered) > size
            following = {**query, "cursor": _place(page[-1], order)} if more else {}
        else:
            number = int(query.get("page", 1))
            page, more = ordered[(number - 1) * size : number * size], len(ordered) > number * size
            following = {**query, "page": str(number + 1)}
        base = f"{self.links_to or self.url}{self.prefix}/projects/{self.number}/{quote(rest)}"
        links = {"Link": f'<{base}?{urlencode(following)}>; rel="next"'} if more else {}
        return Response(page, 200, links)

    def _item(self, iid: int, title: str, page: str) -> Item:
        at = self._stamp()
        return {
            "id": self._next(),
            "iid": iid,
            "project_id": 81,
            "title": title,
            "description": f"About {title}.",
            "state": "opened",
            "labels": ["bug"],
            "author": {"username": "ada"},
            "user_notes_count": 0,
            "created_at": at,
            "updated_at": at,
            "web_url": page,
        }

    def _stamp(self) -> str:
        now = self.at
        self.at += timedelta(seconds=10)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _next(self) -> int:
        self._last += 1
        return self._last


def _matches(item: Item, query: dict[str, str]) -> bool:
    return (
        str(item.get("updated_at", "")) >= query.get("updated_after", "")
        and query.get("ref", item.get("ref")) == item.get("ref")
        and query.get("status", item.get("status")) == item.get("status")
    )


def _place(item: Item, order: str) -> str:
    return f"{item[order]} {item['id']:09}"
