"""What the git source says when a server refuses, breaks off or is not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from precedent.errors import ActionRequired, NotThere, RetryLater, UsageError
from precedent.testing.loopback import Response
from tests.servers.git import GitServer, Repository
from tests.unit.sources.live.git.live_git_reading import Make, read, shas

pytest_plugins = ["tests.unit.sources.live.git.live_git_fixtures"]


def test_an_unknown_branch_is_answered_with_those_there_are(shop: Repository, source: Make) -> None:
    shop.grow(1)
    shop.move(str(shop.head()), "release")
    with pytest.raises(ActionRequired, match=r"no branch 'nope' \(branches: main, release\)"):
        source(branch="nope").probe()


def test_a_missing_default_branch_is_answered_with_those_there_are(shop: Repository, source: Make) -> None:
    shop.grow(1)
    shop.git.set_head("refs/heads/never")
    with pytest.raises(ActionRequired, match=r"no default branch \(branches: main\)"):
        source().probe()


def test_a_private_repository_opens_with_its_credentials(server: GitServer, shop: Repository, source: Make) -> None:
    made = shop.grow(2)
    server.auth = ("ana", "correct-horse")
    assert shas(read(source(auth=server.auth))) == made


@pytest.mark.parametrize("auth", [None, ("ana", "wrong-horse")])
def test_refused_credentials_need_attention_and_are_not_tried_again(
    server: GitServer, shop: Repository, source: Make, auth: tuple[str, str] | None
) -> None:
    shop.grow(1)
    server.auth = ("ana", "correct-horse")
    with pytest.raises(ActionRequired) as fault:
        read(source(auth=auth))
    assert fault.value.code == "unauthorized"
    assert "wrong-horse" not in str(fault.value)
    assert len(server.requests) <= 3


def test_credentials_do_not_show_in_the_source_or_its_clone(
    server: GitServer, shop: Repository, source: Make, clone: Path
) -> None:
    shop.grow(1)
    server.auth = ("ana", "correct-horse")
    one = source(auth=server.auth)
    read(one)
    assert "correct-horse" not in repr(vars(one))
    assert "correct-horse" not in (clone / "config").read_text()


@pytest.mark.parametrize(
    ("status", "fault", "code"),
    [
        (404, NotThere, "not_found"),
        (410, NotThere, "gone"),
        (403, ActionRequired, "forbidden"),
        (429, RetryLater, "rate_limited"),
        (503, RetryLater, "server_error"),
    ],
)
def test_what_the_server_refuses_is_told_apart(
    server: GitServer, source: Make, status: int, fault: type[Exception], code: str
) -> None:
    server.fail("status", response=Response(b"no", status))
    with pytest.raises(fault) as raised:
        source().probe()
    assert raised.value.code == code  # type: ignore[attr-defined]


def test_a_web_page_is_no_repository(server: GitServer, source: Make) -> None:
    server.fail("html")
    with pytest.raises(ActionRequired, match="web page"):
        source().probe()


@pytest.mark.parametrize("kind", ["reset", "cut", "slow"])
def test_a_server_that_breaks_off_is_waited_for(
    server: GitServer, shop: Repository, source: Make, clone: Path, kind: str
) -> None:
    made = shop.grow(30)
    server.fail(kind, only=lambda asked: asked.method == "POST", seconds=3)
    with pytest.raises(RetryLater):
        read(source(timeout_s=0.5))
    assert not clone.exists()
    assert shas(read(source())) == made


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/acme/shop.git", "http://nowhere.invalid/acme/shop.git"])
def test_a_server_that_cannot_be_reached_is_waited_for(source: Make, url: str) -> None:
    with pytest.raises(RetryLater) as fault:
        source(url=url).probe()
    assert fault.value.code == "unreachable"


def test_a_repository_by_path_is_read_or_said_to_be_missing(shop: Repository, source: Make, tmp_path: Path) -> None:
    made = shop.grow(2)
    assert shas(read(source(url=f"file://{shop.path}"))) == made
    with pytest.raises(NotThere, match="check the path"):
        source(url=f"file://{tmp_path}/nowhere").probe()


@pytest.mark.parametrize(
    "url",
    [
        "https://ana:secret-word@example.com/a/b.git",
        "https://secret-word@example.com/a/b.git",
        "ssh://git:secret-word@example.com/a/b.git",
    ],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(source: Make, url: str) -> None:
    with pytest.raises(UsageError, match="apart") as error:
        source(url=url)
    assert "secret-word" not in str(error.value)


@pytest.mark.parametrize("url", ["git@example.com:a/b.git", "ftp://example.com/a", "https://example.com", "/a/path"])
def test_what_is_no_repository_url_is_refused(source: Make, url: str) -> None:
    with pytest.raises(UsageError):
        source(url=url)


def test_a_folder_that_cannot_be_made_is_named(shop: Repository, source: Make, clone: Path) -> None:
    shop.grow(1)
    clone.parent.write_text("a file where a folder should be")
    with pytest.raises(ActionRequired, match=f"{clone} cannot be written") as fault:
        read(source())
    assert fault.value.code == "storage"


FULL = """
import resource, sys
from pathlib import Path
from precedent.errors import ActionRequired
from precedent.sources.kinds.git.remote import COMMITS, GitRemoteSource
source = GitRemoteSource(sys.argv[1], folder=Path(sys.argv[2]))
source.probe()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    list(source.pages(COMMITS, None))
except ActionRequired as fault:
    print(fault.code, fault)
"""


def test_a_disk_that_takes_no_more_is_said(shop: Repository, clone: Path) -> None:
    shop.move(shop.commit("Large", files={"noise.bin": os.urandom(60_000).hex()}))
    done = subprocess.run(
        [sys.executable, "-c", FULL, shop.url, str(clone)], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.startswith("storage The clone in ")
    assert not clone.exists()
