"""Fixtures of the git source's tests: a server, a repository on it, and sources that read it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from precedent.sources.kinds.git import remote as git
from precedent.sources.kinds.git.remote import GitRemoteSource
from tests.servers.git import GitServer, Repository
from tests.unit.sources.live.git.live_git_reading import Make


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        yield running


@pytest.fixture
def shop(server: GitServer) -> Repository:
    return server.repository()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return tmp_path / "state" / "clone"


@pytest.fixture
def source(shop: Repository, clone: Path) -> Make:
    """A new source each time, as in another process."""

    def make(**options: Any) -> GitRemoteSource:
        return GitRemoteSource(options.pop("url", shop.url), folder=clone, **options)

    return make


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "PAGE", 4)
