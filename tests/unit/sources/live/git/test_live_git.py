"""What the git source reads, against git's own server."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest

from precedent.errors import ActionRequired
from precedent.sources.kinds.git.local import GitSource
from precedent.sources.kinds.git.remote import COMMITS
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.source import Probe
from tests.servers.git import HOUR, SECONDS, GitServer, Repository
from tests.unit.sources.live.git.live_git_reading import Make, gone, read, shas, stored

pytest_plugins = ["tests.unit.sources.live.git.live_git_fixtures"]


def test_the_commits_are_those_of_a_local_clone(shop: Repository, source: Make) -> None:
    base = shop.grow(3)[-1]
    side = shop.commit("On the side", base)
    shop.move(shop.commit("Merged", shop.commit("Straight on", base), side))
    local = {record.external_id: record for record in GitSource(shop.path).read() if isinstance(record, RawRecord)}
    remote = {record.external_id: record for page in read(source()) for record in page.records}  # type: ignore[union-attr]
    assert len(remote) == 6
    assert remote == local


def test_parents_come_before_their_children(shop: Repository, source: Make) -> None:
    base = shop.grow(2)[-1]
    shop.move(shop.commit("Merged", shop.commit("One", base), shop.commit("Two", base)))
    seen: set[str] = set()
    for record in (record for page in read(source()) for record in page.records):
        assert isinstance(record, RawRecord)
        assert seen.issuperset(record.payload["parents"])
        seen.add(record.external_id)


def test_only_new_commits_are_read_from_a_cursor_on(shop: Repository, source: Make) -> None:
    shop.grow(3)
    cursor = stored(read(source())[-1])
    new = shop.grow(2)
    assert shas(read(source(), cursor)) == new


def test_nothing_is_read_or_fetched_where_nothing_is_new(server: GitServer, shop: Repository, source: Make) -> None:
    shop.grow(3)
    cursor = stored(read(source())[-1])
    server.requests.clear()
    assert read(source(), cursor) == []
    assert [asked.method for asked in server.requests] == ["GET"]


@pytest.mark.usefixtures("small_pages")
def test_a_read_that_stops_after_any_page_goes_on_there(shop: Repository, source: Make) -> None:
    made = shop.grow(14)
    whole = read(source())
    assert [len(page.records) for page in whole] == [4, 4, 4, 2]
    for stopped in range(1, 4):
        assert shas(read(source(), stored(whole[stopped - 1]))) == made[stopped * 4 :]


@pytest.mark.usefixtures("small_pages")
def test_commits_that_come_during_a_stopped_read_follow_it(shop: Repository, source: Make) -> None:
    made = shop.grow(6)
    first = next(source().pages(COMMITS, None))
    new = shop.grow(3)
    assert shas(read(source(), stored(first))) == made[4:] + new


def test_a_read_since_a_moment_leaves_older_commits_out(shop: Repository, source: Make) -> None:
    made = shop.grow(5)
    assert shas(read(source(), since=datetime.fromtimestamp(SECONDS + 4 * HOUR, UTC))) == made[3:]


@pytest.mark.usefixtures("small_pages")
def test_a_moment_still_counts_after_a_stop(shop: Repository, source: Make) -> None:
    made = shop.grow(10)
    first = next(source().pages(COMMITS, None, datetime.fromtimestamp(SECONDS + 7 * HOUR, UTC)))
    assert first.records == ()
    assert shas(read(source(), stored(first))) == made[6:]


def test_a_forced_push_gives_what_is_new_and_what_is_gone(shop: Repository, source: Make) -> None:
    made = shop.grow(5)
    cursor = stored(read(source())[-1])
    other = shop.commit("Another way", made[1])
    shop.move(other)
    pages = read(source(), cursor)
    assert (shas(pages), gone(pages)) == ([other], set(made[2:]))


def test_a_branch_that_was_set_back_only_loses(shop: Repository, source: Make) -> None:
    made = shop.grow(5)
    cursor = stored(read(source())[-1])
    shop.move(made[2])
    pages = read(source(), cursor)
    assert (shas(pages), gone(pages)) == ([], set(made[3:]))
    assert read(source(), stored(pages[-1])) == []


@pytest.mark.usefixtures("small_pages")
def test_what_is_gone_is_told_in_full_after_a_stop(shop: Repository, source: Make) -> None:
    root, *made = shop.grow(12)
    cursor = stored(read(source())[-1])
    shop.move(shop.commit("Anew", root))
    pages = [next(source().pages(COMMITS, cursor))]
    while pages[-1].cursor.get("target"):
        pages.append(next(source().pages(COMMITS, stored(pages[-1]))))
    assert len(pages) == 3
    assert gone(pages) == set(made)


@pytest.mark.usefixtures("small_pages")
def test_a_forced_push_during_a_stopped_read_takes_back_what_was_read(shop: Repository, source: Make) -> None:
    made = shop.grow(6)
    first = next(source().pages(COMMITS, None))
    other = shop.commit("Another way", made[0])
    shop.move(other)
    pages = read(source(), stored(first))
    assert (shas(pages), gone(pages)) == ([*made[4:], other], set(made[1:]))


@pytest.mark.usefixtures("small_pages")
def test_what_is_gone_is_told_even_after_the_clone_was_tidied(shop: Repository, source: Make, clone: Path) -> None:
    root, *made = shop.grow(7)
    cursor = stored(read(source())[-1])
    shop.move(root)
    for number in range(6):
        shop.move(shop.commit(f"Anew {number}", str(shop.head())))
    first = next(source().pages(COMMITS, cursor))
    subprocess.run(["git", "-C", str(clone), "gc", "--prune=now", "--quiet"], check=True)
    assert gone([first, *read(source(), stored(first))]) == set(made)


def test_a_history_that_has_nothing_in_common_with_what_was_read_is_another_repository(
    shop: Repository, source: Make
) -> None:
    shop.grow(3)
    cursor = stored(read(source())[-1])
    shop.move(shop.commit("Somebody else's first commit"))
    with pytest.raises(ActionRequired) as caught:
        read(source(), cursor)
    assert caught.value.code == "replaced"


def test_an_empty_repository_has_no_commits(shop: Repository, source: Make) -> None:
    assert read(source()) == []
    assert source().probe() == Probe("empty", {})


def test_a_probe_sees_a_new_commit_without_a_clone(shop: Repository, source: Make, clone: Path) -> None:
    shop.grow(1)
    before = source().probe()
    assert source().probe(before) == before
    (new,) = shop.grow(1)
    assert source().probe(before).token == new
    assert not clone.exists()


def test_the_default_branch_is_followed_when_it_is_renamed(shop: Repository, source: Make) -> None:
    shop.grow(2)
    cursor = stored(read(source())[-1])
    shop.rename("main", "trunk")
    new = shop.grow(1, "trunk")
    assert shas(read(source(), cursor)) == new


def test_a_branch_that_is_named_is_read_and_no_other(shop: Repository, source: Make) -> None:
    made = shop.grow(2)
    shop.move(made[0], "release/1")
    shop.grow(2)
    assert shas(read(source(branch="release/1"))) == made[:1]


def test_a_commit_is_gone_only_when_the_branch_does_not_reach_it(shop: Repository, source: Make) -> None:
    made = shop.grow(3)
    one = source()
    assert not one.gone(COMMITS, RawKind.COMMIT, made[0])
    shop.move(made[1])
    assert one.gone(COMMITS, RawKind.COMMIT, made[2])
    assert one.gone(COMMITS, RawKind.COMMIT, "0" * 40)


def test_every_reachable_commit_is_listed(shop: Repository, source: Make) -> None:
    made = shop.grow(3)
    assert [each.identity for each in source().full_listing(COMMITS)] == [(RawKind.COMMIT, sha) for sha in made]


def test_a_commit_in_an_encoding_that_is_unknown_is_still_read(shop: Repository, source: Make) -> None:
    tree = pygit2.Index().write_tree(shop.git)
    who = "Zo\u00eb <z@example.com> 1735689600 +0000"
    raw = f"tree {tree}\nauthor {who}\ncommitter {who}\nencoding bogus\n\nSchlu\u00df\n".encode()
    shop.move(str(shop.git.odb.write(pygit2.enums.ObjectType.COMMIT, raw)))
    (record,) = read(source())[0].records
    assert isinstance(record, RawRecord)
    assert (record.payload["author_name"], record.payload["message"]) == ("Zo\u00eb", "Schlu\u00df\n")


def test_a_commit_with_a_date_beyond_the_calendar_is_rejected_and_the_others_are_read(
    shop: Repository, source: Make
) -> None:
    (first,) = shop.grow(1)
    tree = pygit2.Index().write_tree(shop.git)
    who = "Ana <ana@example.com> 999999999999999 +0000"
    raw = f"tree {tree}\nparent {first}\nauthor {who}\ncommitter {who}\n\nFar ahead\n".encode()
    odd = str(shop.git.odb.write(pygit2.enums.ObjectType.COMMIT, raw))
    last = shop.commit("Back again", odd)
    shop.move(last)
    pages = read(source())
    rejected = [record for page in pages for record in page.records if isinstance(record, RejectedRecord)]
    assert shas(pages) == [first, last]
    assert [record.reason for record in rejected] == ["unreadable_commit"]
