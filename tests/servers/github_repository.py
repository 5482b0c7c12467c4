"""What a repository on a loopback GitHub holds, and the changes that tests make to it."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

Item = dict[str, Any]
STUB = (
    "number",
    "title",
    "body",
    "state",
    "user",
    "labels",
    "assignees",
    "milestone",
    "locked",
    "active_lock_reason",
    "comments",
    "created_at",
    "updated_at",
    "closed_at",
    "author_association",
    "draft",
)
# Of timeline events, which the shared records are, and not of the interface's own objects.
TIMELINE = {"event", "actor", "number", "commit_url"}


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Clock:
    """The server's time; every change takes `step`."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    step: timedelta = timedelta(seconds=10)

    def stamp(self) -> str:
        """The moment of a change, after which time goes on."""
        now = self.at
        self.at += self.step
        return written(now)


@dataclass(slots=True)
class Repository:
    """`issues` holds issues and full pull requests by number; `commits` come with `files`, which lists leave out."""

    name: str
    api: str
    number: int
    clock: Clock
    issues: dict[int, Item] = field(default_factory=dict)
    comments: dict[int, Item] = field(default_factory=dict)
    review_comments: dict[int, Item] = field(default_factory=dict)
    reviews: dict[int, list[Item]] = field(default_factory=dict)
    commits: dict[str, Item] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    default_branch: str = "main"
    releases: dict[int, Item] = field(default_factory=dict)
    deployments: dict[int, Item] = field(default_factory=dict)
    statuses: dict[int, list[Item]] = field(default_factory=dict)
    issues_enabled: bool = True
    transferred: dict[int, tuple["Repository", int]] = field(default_factory=dict)
    stars: int = 0
    pushed_at: str = "2025-12-31T00:00:00Z"
    _last: int = 1_000

    @property
    def url(self) -> str:
        return f"{self.api}/repos/{self.name}"

    def described(self) -> Item:
        return {
            "id": self.number,
            "full_name": self.name,
            "name": self.name.partition("/")[2],
            "url": self.url,
            "private": False,
            "default_branch": self.default_branch,
            "pushed_at": self.pushed_at,
            "stargazers_count": self.stars,
            "has_issues": self.issues_enabled,
        }

    def add_issue(self, title: str = "An issue", *, pull: bool = False, **values: Any) -> int:
        number = max(self.issues, default=0) + 1
        at = self.clock.stamp()
        item: Item = {
            "id": self._next(),
            "number": number,
            "title": title,
            "body": f"The body of {title}.",
            "state": "open",
            "user": {"login": "ada", "id": 1, "type": "User"},
            "labels": [],
            "comments": 0,
            "created_at": at,
            "updated_at": at,
            "url": f"{self.url}/{'pulls' if pull else 'issues'}/{number}",
            "html_url": f"https://github.com/{self.name}/{'pull' if pull else 'issues'}/{number}",
        }
        if pull:
            item |= {
                "head": {"ref": "topic", "sha": "a" * 40},
                "base": {"ref": "main", "sha": "b" * 40},
                "merged": False,
                "additions": 3,
                "issue_url": f"{self.url}/issues/{number}",
            }
        else:
            item["repository_url"] = self.url
        self.issues[number] = item | values
        return number

    def change_issue(self, number: int, **values: Any) -> None:
        self.issues[number] |= {"updated_at": self.clock.stamp()} | values

    def delete_issue(self, number: int) -> None:
        del self.issues[number]

    def add_comment(self, number: int, body: str = "A comment.") -> int:
        identity, at = self._next(), self.clock.stamp()
        self.comments[identity] = {
            "id": identity,
            "url": f"{self.url}/issues/comments/{identity}",
            "body": body,
            "issue_url": f"{self.url}/issues/{number}",
            "user": {"login": "ada"},
            "created_at": at,
            "updated_at": at,
        }
        self.issues[number] |= {"updated_at": at, "comments": self.issues[number]["comments"] + 1}
        return identity

    def add_review(self, number: int, state: str = "APPROVED") -> int:
        identity, at = self._next(), self.clock.stamp()
        self.reviews.setdefault(number, []).append(
            {
                "id": identity,
                "body": "Fine.",
                "state": state,
                "user": {"login": "bob"},
                "submitted_at": at,
                "pull_request_url": f"{self.url}/pulls/{number}",
                "commit_id": "a" * 40,
            }
        )
        self.issues[number]["updated_at"] = at
        return identity

    def add_review_comment(self, number: int, body: str = "Why so?") -> int:
        identity, at = self._next(), self.clock.stamp()
        self.review_comments[identity] = {
            "id": identity,
            "pull_request_review_id": 1,
            "diff_hunk": "@@ -1 +1 @@",
            "path": "a.py",
            "body": body,
            "url": f"{self.url}/pulls/comments/{identity}",
            "pull_request_url": f"{self.url}/pulls/{number}",
            "user": {"login": "bob"},
            "created_at": at,
            "updated_at": at,
        }
        self.issues[number]["updated_at"] = at
        return identity

    def add_commit(
        self,
        message: str = "A change",
        *,
        parents: tuple[str, ...] | None = None,
        branch: str | None = "main",
        dated: str | None = None,
    ) -> str:
        """A commit on a branch, or on none; its parents are the branch's head unless given."""
        at = dated or self.clock.stamp()
        if parents is None:
            parents = (self.branches[branch],) if branch in self.branches else ()
        sha = hashlib.sha1(f"{self._next()}{message}{parents}".encode(), usedforsecurity=False).hexdigest()
        signed = {"name": "Ada", "email": "ada@example.com", "date": at}
        self.commits[sha] = {
            "sha": sha,
            "url": f"{self.url}/commits/{sha}",
            "html_url": f"https://github.com/{self.name}/commit/{sha}",
            "commit": {"message": message, "author": signed, "committer": signed},
            "author": {"login": "ada"},
            "parents": [{"sha": parent} for parent in parents],
            "stats": {"additions": 2, "deletions": 1, "total": 3},
            "files": [{"filename": "a.py", "additions": 2, "deletions": 1, "status": "modified"}],
        }
        if branch is not None:
            self.branches[branch] = sha
            self.pushed_at = self.clock.stamp()
        return sha

    def reachable(self, sha: str) -> set[str]:
        found: set[str] = set()
        waiting = [sha]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += [parent["sha"] for parent in self.commits[each]["parents"]]
        return found

    def add_release(self, tag: str, **values: Any) -> int:
        identity, at = self._next(), self.clock.stamp()
        self.releases[identity] = {
            "id": identity,
            "tag_name": tag,
            "name": f"Release {tag}",
            "body": "* Fixes",
            "draft": False,
            "prerelease": False,
            "target_commitish": "main",
            "created_at": at,
            "published_at": at,
            "updated_at": at,
            "url": f"{self.url}/releases/{identity}",
            "author": {"login": "ada"},
        } | values
        return identity

    def add_deployment(self, environment: str = "production", sha: str = "c" * 40) -> int:
        identity, at = self._next(), self.clock.stamp()
        self.deployments[identity] = {
            "id": identity,
            "sha": sha,
            "ref": "main",
            "task": "deploy",
            "environment": environment,
            "description": "Deploy of main",
            "payload": {},
            "created_at": at,
            "updated_at": at,
            "url": f"{self.url}/deployments/{identity}",
        }
        return identity

    def add_status(self, deployment: int, state: str = "success") -> None:
        identity, at = self._next(), self.clock.stamp()
        status = {"id": identity, "state": state, "created_at": at, "updated_at": at}
        self.statuses.setdefault(deployment, []).insert(0, status)
        self.deployments[deployment]["updated_at"] = at

    def _next(self) -> int:
        self._last += 1
        return self._last


def listed(item: Item, repository: Repository) -> Item:
    """An issue as it is; a pull request as the list of issues shows it."""
    if "head" not in item:
        return item
    stub = {key: item[key] for key in STUB if key in item}
    url = f"{repository.url}/pulls/{item['number']}"
    return stub | {
        "id": item["id"] + 5_000_000_000,
        "url": f"{repository.url}/issues/{item['number']}",
        "repository_url": repository.url,
        "html_url": item.get("html_url"),
        "pull_request": {"url": url, "merged_at": item.get("merged_at")},
    }


def load_records(repository: Repository, folder: Path) -> None:
    """The shared records as the interface gives them: timeline events become comments and reviews."""
    for name in ("issues", "pulls"):
        repository.issues |= {item["number"]: item for item in _lines(folder / f"{name}.jsonl.gz")}
    for item in _lines(folder / "issue_comments.jsonl.gz"):
        repository.comments[item["id"]] = _without_timeline(item)
    for item in _lines(folder / "review_comments.jsonl.gz"):
        url = {"pull_request_url": f"{repository.url}/pulls/{item['number']}"}
        repository.review_comments[item["id"]] = _without_timeline(item) | url
    for item in _lines(folder / "reviews.jsonl.gz"):
        repository.reviews.setdefault(item["number"], []).append(_without_timeline(item))
    repository.clock.at = datetime(2026, 9, 1, tzinfo=UTC)


def _lines(path: Path) -> Iterator[Item]:
    with gzip.open(path) as lines:
        for line in lines:
            yield orjson.loads(line)


def _without_timeline(item: Item) -> Item:
    return {key: value for key, value in item.items() if key not in TIMELINE}
