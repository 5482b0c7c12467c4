"""Lists that change while they are read, syncs that are killed, and the real records as a whole."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from precedent.errors import ActionRequired, RetryLater
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.records import RawKind, RawRecord
from precedent.testing.loopback import Request
from tests.servers.github import GitHubServer
from tests.servers.github_repository import load_records
from tests.unit.sources.live.github_reading import Store, opened, read, stream_of

DATA = Path(__file__).resolve().parents[4].parent / "shared" / "data"
needs_records = pytest.mark.skipif(not DATA.exists(), reason="the shared records are absent")


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as started:
        yield started


def names(numbers: range) -> list[str]:
    return sorted(f"octo/demo#{number}" for number in numbers)


def test_an_item_that_moves_between_two_pages_takes_none_with_it(server: GitHubServer) -> None:
    for _ in range(250):
        server.repository.add_issue()
    pages_seen = 0

    def move(asked: Request) -> bool:
        nonlocal pages_seen
        pages_seen += asked.path.endswith("/issues") and asked.query.get("direction") == "asc"
        return pages_seen == 2

    server.fail("change", only=move, act=lambda: server.repository.change_issue(1, title="Moved"))
    store = Store()
    read(server, store, "issues")
    assert store.ids() == names(range(1, 251))
    assert store.records[RawKind.ISSUE, "octo/demo#1"].payload["title"] == "Moved"


def test_pages_are_asked_for_by_date_and_not_by_number(server: GitHubServer) -> None:
    for _ in range(250):
        server.repository.add_issue()
    assert read(server, Store(), "issues") == ["issues"] * 4
    assert not any("page" in asked.query for asked in server.requests)


def test_an_item_that_moves_out_of_a_crowded_second_takes_none_with_it(server: GitHubServer) -> None:
    server.clock.step = timedelta(0)
    for _ in range(250):
        server.repository.add_issue()
    server.clock.at += timedelta(minutes=1)
    server.fail(
        "change",
        only=lambda asked: asked.query.get("page") == "2",
        act=lambda: server.repository.change_issue(1, title="Moved"),
    )
    store = Store()
    read(server, store, "issues")
    assert store.ids() == names(range(1, 251))


def test_more_than_a_page_within_one_second_is_read_by_its_links(server: GitHubServer) -> None:
    server.clock.step = timedelta(0)
    for _ in range(350):
        server.repository.add_issue()
    server.clock.at += timedelta(minutes=1)
    store = Store()
    read(server, store, "issues")
    assert store.ids() == names(range(1, 351))


def test_a_crowded_second_at_the_end_is_not_read_in_full_at_every_poll(server: GitHubServer) -> None:
    server.clock.step = timedelta(0)
    for _ in range(120):
        server.repository.add_issue(pull=True)
    server.clock.at += timedelta(minutes=1)
    store = Store()
    read(server, store, "issues")
    asked = read(server, store, "issues")
    assert set(asked) == {"issues"}
    assert store.brought == []


def test_what_comes_behind_a_page_that_is_just_full_is_found(server: GitHubServer) -> None:
    server.clock.step = timedelta(0)
    for _ in range(100):
        server.repository.add_issue()
    server.clock.at += timedelta(minutes=1)
    store = Store()
    read(server, store, "issues")
    server.repository.add_issue()
    read(server, store, "issues")
    assert store.brought == ["octo/demo#101"]


def test_a_change_that_shows_late_is_found_although_a_newer_one_was_read(server: GitHubServer) -> None:
    server.repository.add_issue()
    newest = server.clock.at
    server.repository.add_issue()
    store = Store()
    read(server, store, "issues")
    late = (newest - timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    server.repository.change_issue(1, title="Late", updated_at=late)
    read(server, store, "issues")
    assert store.brought == ["octo/demo#1"]


def test_old_deployments_are_not_paged_through_for_a_new_one(server: GitHubServer) -> None:
    for _ in range(100):
        server.repository.add_deployment()
    store = Store()
    read(server, store, "deployments")
    new = server.repository.add_deployment()
    asked = read(server, store, "deployments")
    assert asked.count("deployments") == 2
    assert f"deployments/{new}/statuses" in asked


@pytest.mark.parametrize("stream", ["issues", "releases"])
def test_links_that_lead_in_a_circle_end_the_stream(server: GitHubServer, stream: str) -> None:
    server.clock.step = timedelta(0)
    for number in range(350):
        server.repository.add_issue()
        server.repository.add_release(f"v{number}")
    server.loops = True
    with pytest.raises(ActionRequired, match="in a circle") as caught:
        read(server, Store(), stream)
    assert (caught.value.code, caught.value.whole) == ("link_loop", False)


def test_a_link_to_another_host_is_not_followed(server: GitHubServer) -> None:
    for number in range(101):
        server.repository.add_release(f"v{number}")
    with GitHubServer() as other:
        server.links_to = other.url
        with pytest.raises(ActionRequired, match="another host") as caught:
            read(server, Store(), "releases")
        assert caught.value.code == "foreign_link"
        assert other.requests == []


def crowded(server: GitHubServer) -> None:
    """Something of everything, over several pages."""
    repository = server.repository
    for number in range(1, 131):
        repository.add_issue(pull=number % 5 == 0)
    for number in range(1, 111):
        repository.add_comment(number)
        repository.add_commit(f"Commit {number}")
        repository.add_release(f"v{number}")
    for _ in range(35):
        repository.add_status(repository.add_deployment())
    repository.add_review(5)
    repository.add_review_comment(5)


@pytest.mark.parametrize("stream", ["issues", "comments", "commits", "releases", "deployments"])
def test_a_sync_killed_after_any_page_goes_on_to_the_same_end(server: GitHubServer, stream: str) -> None:
    crowded(server)
    whole = Store()
    read(server, whole, stream)
    with opened(server) as source:
        reading = stream_of(source, stream)
        total = sum(1 for _ in source.pages(reading, None))
        for survived in range(1, total):
            store = Store()
            for _, page in zip(range(survived), source.pages(reading, None), strict=False):
                store.take(stream, page)
            for page in source.pages(reading, store.cursor(stream)):
                store.take(stream, page)
            assert store.ids() == whole.ids()
    assert total > 1


@pytest.mark.parametrize("stream", ["issues", "comments", "commits", "releases", "deployments"])
def test_a_killed_sync_repeats_at_most_one_page(server: GitHubServer, stream: str) -> None:
    crowded(server)
    with opened(server) as source:
        reading = stream_of(source, stream)
        first, second = (page for page, _ in zip(source.pages(reading, None), range(2), strict=False))
        cursor = orjson.loads(orjson.dumps(second.cursor))
        again = [record for page in source.pages(reading, cursor) for record in page.records]
    assert not {_name(record) for record in first.records} & {_name(record) for record in again}


def _name(record: object) -> str:
    assert isinstance(record, RawRecord)
    return record.external_id


def test_pull_requests_are_stored_before_a_small_budget_ends(server: GitHubServer) -> None:
    for _ in range(60):
        server.repository.add_issue(pull=True)
    store = Store()
    for _ in range(12):
        server.budget, server.resets = 40, server.clock.at + timedelta(hours=1)
        with suppress(RetryLater):
            read(server, store, "issues")
        server.clock.at = server.resets
    assert store.ids() == names(range(1, 61))


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[GitHubServer, Store]]:
    with GitHubServer("bitcoin-core/gui") as started:
        load_records(started.repository, DATA / "github")
        store = Store()
        read(started, store)
        yield started, store


@needs_records
@pytest.mark.records
def test_the_real_records_come_as_the_archive_reads_them(real: tuple[GitHubServer, Store]) -> None:
    archived = {
        (item.kind, item.external_id): item
        for item in ArchiveSource(DATA / "github").read()
        if isinstance(item, RawRecord)
    }
    found = real[1].records
    assert {key: item.shape for key, item in found.items()} == {key: item.shape for key, item in archived.items()}
    titled = {key: item.payload for key, item in archived.items() if key[0] is not RawKind.COMMENT}
    assert {key: item.payload for key, item in found.items() if key in titled} == titled
    assert len(titled) == 341 + 537


@needs_records
@pytest.mark.records
def test_a_poll_of_the_real_repository_is_one_request_for_each_stream(real: tuple[GitHubServer, Store]) -> None:
    server, store = real
    assert read(server, store) == ["issues", "issues/comments", "pulls/comments", "commits", "releases", "deployments"]


@needs_records
@pytest.mark.records
def test_the_real_ids_are_all_listed(real: tuple[GitHubServer, Store]) -> None:
    server, store = real
    with opened(server) as source:
        listed = {
            item.identity for name in ("issues", "comments") for item in source.full_listing(stream_of(source, name))
        }
    prefixed = {key for key in store.records if "#" in key[1] or key[1].startswith("comment:")}
    assert listed == prefixed
