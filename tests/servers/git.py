"""A loopback git server: bare repositories over smart HTTP, with the commits and mishaps that a test asks for."""

import base64
import os
import subprocess
from pathlib import Path

import pygit2

from precedent.testing.loopback import LoopbackServer, Request, Response

SECONDS = 1_735_689_600
HOUR = 3_600


class GitServer(LoopbackServer):
    """Serves every bare repository below a folder with git's own `http-backend`.

    Attributes:
        root: The folder; `root/acme/shop.git` is served at `/acme/shop.git`.
        auth: `(username, password)` that every request must bring, or None.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.auth: tuple[str, str] | None = None
        self.root.mkdir(parents=True, exist_ok=True)

    def repository(self, name: str = "acme/shop") -> "Repository":
        """A new empty repository with HEAD on `main`."""
        return Repository(self.root / f"{name}.git", f"{self.url}/{name}.git")

    def answer(self, asked: Request) -> Response:
        if self.auth is not None:
            expected = base64.b64encode(":".join(self.auth).encode()).decode()
            if asked.headers.get("authorization") != f"Basic {expected}":
                return Response(b"who?", 401, {"WWW-Authenticate": 'Basic realm="git"'}, "text/plain")
        done = subprocess.run(
            ["git", "http-backend"], input=asked.body, env=self._environment(asked), capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        content_type = headers.pop("Content-Type", "text/plain")
        return Response(body, status, headers, content_type)

    def _environment(self, asked: Request) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": asked.method,
            "PATH_INFO": asked.path,
            "QUERY_STRING": "&".join(f"{name}={value}" for name, value in asked.query.items()),
            "CONTENT_TYPE": asked.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(asked.body)),
            "HTTP_CONTENT_ENCODING": asked.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": asked.headers.get("git-protocol", ""),
        }


class Repository:
    """A bare repository and what its owners do to it; every commit is an hour later than the one before."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.url = url
        self.git = pygit2.init_repository(str(path), bare=True, initial_head="main")
        self._made = 0

    def commit(self, message: str, *parents: str, files: dict[str, str] | None = None) -> str:
        """A commit that no branch names yet, with its parents' (the first's) files and those that are given."""
        index = pygit2.Index()
        if parents:
            index.read_tree(self.git[parents[0]].peel(pygit2.Tree))
        self._made += 1
        for name, content in (files or {f"{self._made}.txt": f"{message}\n"}).items():
            index.add(pygit2.IndexEntry(name, self.git.create_blob(content.encode()), pygit2.enums.FileMode.BLOB))
        ana = pygit2.Signature("Ana", "ana@example.com", SECONDS + self._made * HOUR, 60)
        tree = index.write_tree(self.git)
        return str(self.git.create_commit(None, ana, ana, message, tree, [pygit2.Oid(hex=sha) for sha in parents]))

    def grow(self, count: int, branch: str = "main") -> list[str]:
        """That many commits in a row on top of a branch; their ids, oldest first."""
        made: list[str] = []
        head = self.head(branch)
        for number in range(count):
            parents = (head,) if head else ()
            head = self.commit(f"Change {number}\n\nWhy it was made.", *parents)
            made.append(head)
        if head is not None:
            self.move(head, branch)
        return made

    def head(self, branch: str = "main") -> str | None:
        """The id that a branch names."""
        reference = self.git.references.get(f"refs/heads/{branch}")
        return str(reference.target) if reference is not None else None

    def move(self, sha: str, branch: str = "main") -> None:
        """Let a branch name any commit, as a forced push does."""
        self.git.references.create(f"refs/heads/{branch}", pygit2.Oid(hex=sha), force=True)

    def rename(self, old: str, new: str) -> None:
        """Rename a branch, HEAD included where it is on it."""
        on_it = self.git.references["HEAD"].target == f"refs/heads/{old}"
        self.git.references[f"refs/heads/{old}"].rename(f"refs/heads/{new}")
        if on_it:
            self.git.set_head(f"refs/heads/{new}")
