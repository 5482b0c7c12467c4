"""The clone of the git source: its depth, and what happens when it breaks."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pygit2
import pytest

from precedent.errors import RetryLater
from precedent.sources.kinds.git import clone as git_clone
from precedent.sources.kinds.git.remote import COMMITS
from precedent.sources.records import RawKind, RawRecord
from precedent.testing.loopback import Request
from tests.servers.git import GitServer, Repository
from tests.unit.sources.live.git.live_git_reading import Make, gone, read, shas, stored

pytest_plugins = ["tests.unit.sources.live.git.live_git_fixtures"]


@pytest.mark.usefixtures("small_pages")
def test_a_stopped_read_goes_on_in_a_clone_that_was_made_again(shop: Repository, source: Make, clone: Path) -> None:
    base = shop.grow(4)[-1]
    for number in range(4):
        base = shop.commit("Merged", shop.commit(f"A{number}", base), shop.commit(f"B{number}", base))
    shop.move(base)
    whole = read(source())
    shutil.rmtree(clone)
    assert shas(read(source(), stored(whole[1]))) == shas(whole)[8:]


def test_a_shallow_clone_holds_the_newest_generations(shop: Repository, source: Make) -> None:
    made = shop.grow(8)
    assert shas(read(source(depth=3))) == made[5:]


def test_the_border_of_a_shallow_clone_has_its_parents_and_no_invented_files(shop: Repository, source: Make) -> None:
    made = shop.grow(8)
    border = read(source(depth=3))[0].records[0]
    assert isinstance(border, RawRecord)
    assert border.payload["parents"] == [made[4]]
    assert "files" not in border.payload


def test_nothing_is_lost_where_more_comes_than_a_shallow_clone_is_deep(shop: Repository, source: Make) -> None:
    shop.grow(8)
    cursor = stored(read(source(depth=3))[-1])
    new = shop.grow(9)
    pages = read(source(depth=3), cursor)
    assert (shas(pages), gone(pages)) == (new, set())


def test_nothing_is_lost_where_a_shallow_clone_is_made_again(shop: Repository, source: Make, clone: Path) -> None:
    shop.grow(8)
    cursor = stored(read(source(depth=2))[-1])
    new = shop.grow(9)
    shutil.rmtree(clone)
    pages = read(source(depth=2), cursor)
    assert (shas(pages), gone(pages)) == (new, set())


@pytest.mark.usefixtures("small_pages")
def test_a_stopped_read_of_a_shallow_clone_begins_again_where_its_border_has_moved(
    shop: Repository, source: Make, clone: Path
) -> None:
    made = shop.grow(8)
    first = next(source(depth=5).pages(COMMITS, None))
    shutil.rmtree(clone)
    new = shop.grow(3)
    read_on = shas(read(source(depth=5), stored(first)))
    assert set(shas([first]) + read_on).issuperset([made[-1], *new])


def test_a_shallow_clone_that_is_set_back_below_its_border_loses_only_what_it_had(
    shop: Repository, source: Make
) -> None:
    made = shop.grow(8)
    cursor = stored(read(source(depth=3))[-1])
    shop.move(made[2])
    pages = read(source(depth=3), cursor)
    assert (shas(pages), gone(pages)) == (made[:3], set(made[5:]))


def test_a_damaged_clone_is_made_again_and_nothing_is_repeated(shop: Repository, source: Make, clone: Path) -> None:
    shop.grow(30)
    cursor = stored(read(source())[-1])
    (pack,) = clone.glob("objects/pack/*.pack")
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)
    new = shop.grow(3)
    assert shas(read(source(), cursor)) == new


@pytest.mark.usefixtures("small_pages")
def test_a_clone_that_is_cut_off_while_it_is_read_elsewhere_is_made_again(
    shop: Repository, source: Make, clone: Path
) -> None:
    shop.grow(30)
    cursor = stored(read(source())[-1])
    elsewhere = source().pages(COMMITS, None)
    next(elsewhere)
    (pack,) = clone.glob("objects/pack/*.pack")
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)
    new = shop.grow(3)
    assert shas(read(source(), cursor)) == new


def test_a_clone_that_breaks_during_a_read_is_made_again(
    shop: Repository, source: Make, clone: Path, small_pages: None
) -> None:
    made = shop.grow(12)
    first = next(source().pages(COMMITS, None))
    for pack in clone.glob("objects/pack/*"):
        pack.unlink()
    assert shas(read(source(), stored(first))) == made[4:]


def test_a_folder_with_something_else_in_it_is_replaced(shop: Repository, source: Make, clone: Path) -> None:
    made = shop.grow(2)
    clone.mkdir(parents=True)
    (clone / "HEAD").write_text("nonsense")
    assert shas(read(source())) == made


def test_packs_are_joined_by_a_new_clone(
    shop: Repository, source: Make, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_clone, "MOST_PACKS", 3)
    made = shop.grow(1)
    cursor = stored(read(source())[-1])
    for _ in range(5):
        made += shop.grow(1)
        pages = read(source(), cursor)
        assert shas(pages) == made[-1:]
        cursor = stored(pages[-1])
    assert len(list(clone.glob("objects/pack/*.pack"))) <= 3


def test_what_a_killed_fetch_left_is_cleared_away(shop: Repository, source: Make, clone: Path) -> None:
    shop.grow(2)
    cursor = stored(read(source())[-1])
    (clone / "objects" / "pack" / "pack_git2_0123456789abcdef").write_bytes(b"PACK, half of one")
    new = shop.grow(1)
    assert shas(read(source(), cursor)) == new
    assert list(clone.glob("objects/pack/pack_git2_*")) == []


READER = """
import sys
from pathlib import Path
from precedent.sources.kinds.git.remote import COMMITS, GitRemoteSource
list(GitRemoteSource(sys.argv[1], folder=Path(sys.argv[2])).pages(COMMITS, None))
"""


def test_a_clone_that_was_killed_half_way_is_made_again(
    server: GitServer, shop: Repository, source: Make, clone: Path
) -> None:
    made = shop.grow(5)
    reached, killed = threading.Event(), threading.Event()

    def hold(asked: Request) -> None:
        if asked.method == "POST" and not killed.is_set():
            reached.set()
            killed.wait(20)

    server.before = hold
    process = subprocess.Popen([sys.executable, "-c", READER, shop.url, str(clone)])
    assert reached.wait(20)
    left = [path.name for path in clone.parent.iterdir() if path.is_dir()]
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    killed.set()
    assert not clone.exists()
    assert len(left) == 1
    assert shas(read(source())) == made
    assert [path.name for path in clone.parent.iterdir() if path.is_dir()] == [clone.name]


def test_a_second_reader_of_the_same_folder_waits(server: GitServer, shop: Repository, source: Make) -> None:
    shop.grow(2)
    caught: list[str] = []

    def meanwhile(asked: Request) -> None:
        if asked.method == "POST":
            with pytest.raises(RetryLater) as fault:
                read(source())
            caught.append(fault.value.code)

    server.before = meanwhile
    read(source())
    assert caught == ["busy"]


def test_a_commit_beyond_a_shallow_clone_is_not_taken_to_be_gone(shop: Repository, source: Make) -> None:
    made = shop.grow(6)
    assert not source(depth=2).gone(COMMITS, RawKind.COMMIT, made[0])


def test_the_progress_of_a_fetch_is_told(shop: Repository, source: Make) -> None:
    shop.grow(5)
    told: list[tuple[int, int]] = []
    read(source(progress=lambda received, total: told.append((received, total))))
    assert told[-1] == (15, 15)


def test_tags_and_other_branches_are_not_fetched(shop: Repository, source: Make, clone: Path) -> None:
    made = shop.grow(2)
    aside = shop.commit("Aside", made[0])
    shop.move(aside, "aside")
    shop.git.references.create("refs/tags/v1", aside)
    read(source())
    assert aside not in pygit2.Repository(str(clone))
