"""Every live kind of source against its server on loopback."""

from datetime import datetime
from pathlib import Path
from typing import Any

from precedent.sources.kinds.github.repository_api import written
from precedent.sources.records import RawKind
from precedent.sources.testing.plugin import SourceContract
from precedent.sources.testing.reading import Identity
from tests.servers.git import GitServer, Repository
from tests.servers.github import GitHubServer
from tests.servers.gitlab import GitLabServer
from tests.servers.jira import JiraServer
from tests.servers.statuspage import StatuspageServer

pytest_plugins = ["precedent.sources.testing.plugin"]


class TestGitHub(SourceContract):
    kind = "github"
    sweeps = True
    renames = True
    numbered = True
    dated = True
    pages = 101

    def serve(self, folder: Path) -> GitHubServer:
        server = GitHubServer()
        server.token = self.key
        return server

    def configuration(self, server: GitHubServer) -> dict[str, Any]:
        return {"repository": "octo/demo", "base_url": server.api}

    def add(self, server: GitHubServer) -> Identity:
        return RawKind.ISSUE, f"{server.repository.name}#{server.repository.add_issue()}"

    def change(self, server: GitHubServer, item: Identity) -> None:
        server.repository.change_issue(int(item[1].partition("#")[2]), title="Changed")

    def delete(self, server: GitHubServer, item: Identity) -> None:
        server.repository.delete_issue(int(item[1].partition("#")[2]))

    def rename(self, server: GitHubServer) -> str:
        server.rename("octo/renamed")
        return "octo/renamed"

    def replace(self, server: GitHubServer) -> None:
        server.repository.number += 1

    def add_dated(self, server: GitHubServer, at: datetime) -> Identity:
        number = server.repository.add_issue()
        server.repository.issues[number]["updated_at"] = written(at)
        return RawKind.ISSUE, f"{server.repository.name}#{number}"

    def fill(self, server: GitHubServer) -> list[Identity]:
        items = super().fill(server)
        repository = server.repository
        pull = repository.add_issue(pull=True)
        repository.add_comment(1)
        repository.add_review(pull)
        repository.add_review_comment(pull)
        repository.add_commit()
        repository.add_release("v1")
        repository.add_status(repository.add_deployment())
        return items


class TestJiraServer(SourceContract):
    kind = "jira"
    sweeps = True
    numbered = True
    dated = True
    pages = 250

    def serve(self, folder: Path) -> JiraServer:
        return JiraServer("server", authorization=f"Bearer {self.key}")

    def configuration(self, server: JiraServer) -> dict[str, Any]:
        return {"url": server.base_url, "projects": ["PRO"]}

    def add(self, server: JiraServer) -> Identity:
        key = server.add_issue(summary="The importer stops")
        server.comment(key, "It stops here, too.")
        return RawKind.ISSUE, key

    def change(self, server: JiraServer, item: Identity) -> None:
        server.change_issue(item[1], summary="Changed")

    def replace(self, server: JiraServer) -> None:
        server.first_project += 1

    def add_dated(self, server: JiraServer, at: datetime) -> Identity:
        return RawKind.ISSUE, server.add_issue(at=at)

    def delete(self, server: JiraServer, item: Identity) -> None:
        server.delete_issue(item[1])


class TestJiraCloud(TestJiraServer):
    def serve(self, folder: Path) -> JiraServer:
        return JiraServer("cloud", authorization=f"Bearer {self.key}")


class TestStatuspage(SourceContract):
    kind = "statuspage"
    key = None
    numbered = True
    dated = True

    def serve(self, folder: Path) -> StatuspageServer:
        return StatuspageServer()

    def configuration(self, server: StatuspageServer) -> dict[str, Any]:
        return {"url": server.url}

    def add(self, server: StatuspageServer) -> Identity:
        number = len(server.incidents) + 1
        at = f"2026-01-{number:02d}T08:00:00Z"
        server.incidents.append(
            {
                "id": f"i{number}",
                "name": "API is slow",
                "status": "resolved",
                "impact": "minor",
                "created_at": at,
                "updated_at": at,
                "incident_updates": [{"id": "u", "status": "resolved", "body": "Restarted."}],
            }
        )
        return RawKind.INCIDENT, f"i{number}"

    def replace(self, server: StatuspageServer) -> None:
        server.page["id"] = "another"

    def add_dated(self, server: StatuspageServer, at: datetime) -> Identity:
        item = self.add(server)
        server.incidents[-1] |= {"created_at": at.isoformat(), "updated_at": at.isoformat()}
        return item

    def change(self, server: StatuspageServer, item: Identity) -> None:
        incident = next(each for each in server.incidents if each["id"] == item[1])
        incident |= {"name": "Changed", "updated_at": "2026-02-01T08:00:00Z"}


class TestGit(SourceContract):
    kind = "git"
    json = False
    changes = False
    pages = 501

    def serve(self, folder: Path) -> GitServer:
        server = GitServer(folder)
        server.auth = ("git", str(self.key))
        return server

    def configuration(self, server: GitServer) -> dict[str, Any]:
        return {"url": f"{server.url}/acme/shop.git"}

    def add(self, server: GitServer) -> Identity:
        (sha,) = Repository(server.root / "acme/shop.git", "").grow(1)
        return RawKind.COMMIT, sha


class TestGitLab(SourceContract):
    kind = "gitlab"
    sweeps = True
    renames = True
    numbered = True
    dated = True
    pages = 101

    def serve(self, folder: Path) -> GitLabServer:
        server = GitLabServer()
        server.token = self.key
        return server

    def configuration(self, server: GitLabServer) -> dict[str, Any]:
        return {"project": "acme/shop", "base_url": server.base_url}

    def add(self, server: GitLabServer) -> Identity:
        return RawKind.ISSUE, f"{server.name}#{server.add_issue()}"

    def change(self, server: GitLabServer, item: Identity) -> None:
        server.change(server.issues, int(item[1].partition("#")[2]), title="Changed")

    def delete(self, server: GitLabServer, item: Identity) -> None:
        del server.issues[int(item[1].partition("#")[2])]

    def rename(self, server: GitLabServer) -> str:
        server.rename("acme/store")
        return "acme/store"

    def replace(self, server: GitLabServer) -> None:
        server.number += 1

    def add_dated(self, server: GitLabServer, at: datetime) -> Identity:
        return RawKind.ISSUE, f"{server.name}#{server.add_issue(updated_at=at.isoformat())}"

    def fill(self, server: GitLabServer) -> list[Identity]:
        items = super().fill(server)
        server.add_note("issues", 1)
        server.add_note("merge_requests", server.add_merge_request())
        server.add_release("v1")
        server.add_deployment()
        server.add_pipeline(jobs=[{"id": 1, "name": "rspec", "stage": "test", "failure_reason": "script_failure"}])
        return items


class TestGitLabWithoutKeyset(TestGitLab):
    def serve(self, folder: Path) -> GitLabServer:
        server = super().serve(folder)
        server.keyset = False
        return server
