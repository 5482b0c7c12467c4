"""A loopback GitHub: version 3 of its REST interface, for repositories that tests fill and change."""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt

from precedent.testing.loopback import LoopbackServer, Request, Response
from tests.servers.github_repository import Clock, Item, Repository, listed

ADDRESS = re.compile(r"/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(?:/(.*))?$")
ACCESS_TOKENS = re.compile(r"/app/installations/(\d+)/access_tokens")
NOT_FOUND = Response({"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}, 404)
INSTALLATION_TOKEN = "ghs_loopback_installation_token"  # noqa: S105 - of this server alone


class GitHubServer(LoopbackServer):
    """Repositories behind GitHub's paths.

    Attributes:
        token: The only token that is let in; None lets everybody in.
        app: Id, installation and public key (PEM) of the App that may ask for a token.
        budget: Requests left of the primary limit, which ends at `resets`; None is no limit. 304 costs nothing.
        loops: Whether the links to the next page lead in a circle.
        links_to: A base URL of another host that they lead to.
        prefix: What comes before every path, as `/api/v3` on Enterprise.
    """

    def __init__(self, name: str = "octo/demo", *, prefix: str = "") -> None:
        super().__init__()
        self.prefix = prefix
        self.clock = Clock()
        self.token: str | None = None
        self.app: tuple[str, int, str] | None = None
        self.budget: int | None = None
        self.resets: datetime = self.clock.at + timedelta(hours=1)
        self.loops = False
        self.links_to: str | None = None
        self.repositories: dict[int, Repository] = {}
        self.former: dict[str, int] = {}
        self.repository = self.add_repository(name)

    @property
    def api(self) -> str:
        """The base URL."""
        return self.url + self.prefix

    def dated(self) -> datetime:
        return self.clock.at

    def add_repository(self, name: str) -> Repository:
        number = 77_000 + len(self.repositories)
        self.repositories[number] = Repository(name, self.api, number, self.clock)
        return self.repositories[number]

    def rename(self, name: str) -> None:
        self.former[self.repository.name.lower()] = self.repository.number
        self.repository.name = name

    def transfer(self, number: int, other: Repository) -> int:
        """Move an issue to another repository, where it gets another number."""
        moved = other.add_issue(self.repository.issues.pop(number)["title"])
        self.repository.transferred[number] = (other, moved)
        return moved

    def limit(self, status: int, retry_after: int, times: int = 1) -> None:
        """The secondary limit."""
        message = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}
        self.fail("status", times=times, response=Response(message, status, {"Retry-After": str(retry_after)}))

    def paths(self) -> list[str]:
        """The paths asked for, without what is before the repository's own."""
        return [(found[3] or "") if (found := ADDRESS.search(asked.path)) else asked.path for asked in self.requests]

    def answer(self, asked: Request) -> Response:
        path = asked.path.removeprefix(self.prefix)
        if asked.method == "POST":
            return self._access_token(path, asked)
        refusal = self._refusal(asked)
        if refusal is not None:
            return refusal
        response = self._repository(path, asked)
        if response.status == 200:
            response = self._conditional(response, asked)
        if self.budget is not None and response.status != 304:
            self.budget -= 1
        return Response(response.data, response.status, {**self._limits(), **response.headers})

    def _limits(self) -> dict[str, str]:
        left = 5_000 if self.budget is None else max(self.budget, 0)
        return {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(self.resets.timestamp())),
        }

    def _refusal(self, asked: Request) -> Response | None:
        given = asked.headers.get("authorization", "").partition(" ")[2]
        wanted = INSTALLATION_TOKEN if self.app else self.token
        if wanted is not None and given != wanted:
            return Response({"message": "Bad credentials"}, 401)
        if self.budget is not None and self.budget <= 0 and self.clock.at < self.resets:
            return Response({"message": "API rate limit exceeded for user ID 1."}, 403, self._limits())
        return None

    def _access_token(self, path: str, asked: Request) -> Response:
        found = ACCESS_TOKENS.fullmatch(path)
        if not found or self.app is None or int(found[1]) != self.app[1]:
            return NOT_FOUND
        signed = asked.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(signed, self.app[2], algorithms=["RS256"])
        except jwt.PyJWTError:
            return Response({"message": "A JSON web token could not be decoded"}, 401)
        if claims["iss"] != self.app[0]:
            return Response({"message": "Integration not found"}, 404)
        expires = datetime.fromtimestamp(claims["exp"], self.clock.at.tzinfo) + timedelta(hours=1)
        token = {
            "token": INSTALLATION_TOKEN,
            "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": {"issues": "read"},
            "repository_selection": "selected",
        }
        return Response(token, 201)

    def _conditional(self, response: Response, asked: Request) -> Response:
        body = response.body()
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        headers = {**response.headers, "ETag": etag}
        if asked.headers.get("if-none-match") == etag:
            return Response(None, 304, headers)
        return Response(body, 200, headers)

    def _repository(self, path: str, asked: Request) -> Response:
        found = ADDRESS.fullmatch(path)
        if not found:
            return NOT_FOUND
        rest = found[3] or ""
        if found[2]:
            repository = self.repositories.get(int(found[2]))
            return self._rest(repository, rest, asked) if repository else NOT_FOUND
        named = next((each for each in self.repositories.values() if each.name.lower() == found[1].lower()), None)
        if named:
            return self._rest(named, rest, asked)
        former = self.former.get(found[1].lower())
        return self._moved(f"/repositories/{former}{'/' if rest else ''}{rest}", asked) if former else NOT_FOUND

    def _moved(self, path: str, asked: Request) -> Response:
        query = f"?{urlencode(asked.query)}" if asked.query else ""
        return Response({"message": "Moved Permanently"}, 301, {"Location": f"{self.api}{path}{query}"})

    def _rest(self, repository: Repository, rest: str, asked: Request) -> Response:
        if not rest:
            return Response(repository.described())
        if rest.startswith("issues") and not repository.issues_enabled:
            return Response({"message": "Issues are disabled for this repo"}, 410)
        first, _, last = rest.partition("/")
        lists: dict[str, Callable[[], Iterable[Item]]] = {
            "issues": lambda: _issues(repository, asked.query),
            "issues/comments": lambda: _changed(repository.comments.values(), asked.query),
            "pulls/comments": lambda: _changed(repository.review_comments.values(), asked.query),
            "releases": lambda: _latest(repository.releases),
            "deployments": lambda: _latest(repository.deployments),
        }
        if rest in lists:
            return self._page(repository, rest, list(lists[rest]()), asked)
        if reviewed := re.fullmatch(r"pulls/(\d+)/reviews", rest):
            return self._page(repository, rest, repository.reviews.get(int(reviewed[1]), []), asked)
        if deployed := re.fullmatch(r"deployments/(\d+)/statuses", rest):
            return self._page(repository, rest, repository.statuses.get(int(deployed[1]), []), asked)
        if first in {"commits", "compare"}:
            return self._commits(repository, first, last, asked)
        return self._single(repository, rest, asked)

    def _single(self, repository: Repository, rest: str, asked: Request) -> Response:
        path, _, number = rest.rpartition("/")
        key = int(number) if number.isdigit() else -1
        if path == "issues" and key in repository.transferred:
            other, moved = repository.transferred[key]
            return self._moved(f"/repositories/{other.number}/issues/{moved}", asked)
        if path == "issues" and key in repository.issues:
            return Response(listed(repository.issues[key], repository))
        holders: dict[str, dict[int, Item]] = {
            "pulls": {n: item for n, item in repository.issues.items() if n == key and "head" in item},
            "issues/comments": repository.comments,
            "pulls/comments": repository.review_comments,
            "releases": repository.releases,
            "deployments": repository.deployments,
        }
        found = holders.get(path, {}).get(key)
        return NOT_FOUND if found is None else Response(found)

    def _commits(self, repository: Repository, kind: str, rest: str, asked: Request) -> Response:
        if not repository.commits:
            return Response({"message": "Git Repository is empty."}, 409)
        if kind == "compare":
            base, _, head = rest.partition("...")
            if base not in repository.commits or head not in repository.commits:
                return NOT_FOUND
            ahead = repository.reachable(head) - repository.reachable(base)
            ordered = [repository.commits[sha] for sha in repository.commits if sha in ahead]
            page = self._page(repository, f"compare/{rest}", [_without_files(each) for each in ordered], asked)
            return Response({"status": "ahead", "total_commits": len(ordered), "commits": page.data}, 200, page.headers)
        if rest:
            found = repository.commits.get(rest)
            return Response(found) if found else Response({"message": f"No commit found for SHA: {rest}"}, 422)
        named = asked.query.get("sha", repository.default_branch)
        sha = repository.branches.get(named, named)
        if sha not in repository.commits:
            return NOT_FOUND
        reached, since = repository.reachable(sha), asked.query.get("since", "")
        newest_first = [
            _without_files(repository.commits[each])
            for each in reversed(repository.commits)
            if each in reached and repository.commits[each]["commit"]["committer"]["date"] >= since
        ]
        return self._page(repository, "commits", newest_first, asked)

    def _page(self, repository: Repository, rest: str, items: list[Item], asked: Request) -> Response:
        size = min(int(asked.query.get("per_page", 30)), 100)
        number = int(asked.query.get("page", 1))
        last = max(1, -(-len(items) // size))
        links = []
        if number < last:
            following = 2 if self.loops and number > 1 else number + 1
            links = [("next", following), ("last", last)]
        base = f"{self.links_to or self.api}/repositories/{repository.number}/{rest}"
        header = ", ".join(f'<{base}?{urlencode({**asked.query, "page": to})}>; rel="{rel}"' for rel, to in links)
        return Response(items[(number - 1) * size : number * size], 200, {"Link": header} if header else {})


def _issues(repository: Repository, query: dict[str, str]) -> list[Item]:
    state = query.get("state", "open")
    shown = [listed(item, repository) for item in repository.issues.values() if state in {"all", item["state"]}]
    return _changed(shown, {"direction": "desc", **query})


def _changed(items: Iterable[Item], query: dict[str, str]) -> list[Item]:
    date = f"{query.get('sort', 'created')}_at"
    found = [item for item in items if item["updated_at"] >= query.get("since", "")]
    return sorted(found, key=lambda item: (item[date], item["id"]), reverse=query.get("direction", "asc") == "desc")


def _latest(items: dict[int, Item]) -> list[Item]:
    return sorted(items.values(), key=lambda item: (item["created_at"], item["id"]), reverse=True)


def _without_files(commit: Item) -> dict[str, Any]:
    return {key: value for key, value in commit.items() if key not in {"files", "stats"}}
