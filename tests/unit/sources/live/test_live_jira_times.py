"""Whole minutes on somebody else's clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from precedent.sources.kinds.jira.auth import JiraAuth
from precedent.sources.kinds.jira.timezone import UserZone, named_zone, server_zone
from tests.servers.jira import JiraServer
from tests.servers.jira_asking import keys, read, source_of

ANA = JiraAuth.of("ana", "password")
FLAVOURS = pytest.mark.parametrize("flavour", ["server", "cloud"])
# On 1 November 2026 the clock of New York shows the hour from 1 to 2 twice, from 05:00 to 07:00 UTC.
TWICE = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@FLAVOURS
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati"])
def test_a_change_is_found_whatever_the_users_time_zone(flavour: str, zone: str) -> None:
    with JiraServer(flavour, zone=zone) as server:
        known = [server.add_issue() for _ in range(3)]
        _, cursor = read(source_of(server, auth=ANA))
        server.now += timedelta(minutes=10)
        server.change_issue(known[0], summary="Changed")
        assert keys(read(source_of(server, auth=ANA), cursor)[0]) == [known[0]]


@FLAVOURS
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_a_known_time_zone_asks_for_no_more_than_the_overlap(flavour: str, zone: str) -> None:
    with JiraServer(flavour, zone=zone) as server:
        moment = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
        server.add_issue(at=moment)
        _, cursor = read(source_of(server, auth=ANA))
        read(source_of(server, auth=ANA), cursor)
        local = (moment - timedelta(minutes=2)).astimezone(ZoneInfo(zone))
        assert f'updated >= "{local:%Y-%m-%d %H:%M}"' in server.searches()[-1].query["jql"]


@FLAVOURS
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_who_may_not_ask_for_a_time_zone_goes_by_the_servers(flavour: str, zone: str) -> None:
    with JiraServer(flavour, zone=zone) as server:
        known = [server.add_issue() for _ in range(3)]
        _, cursor = read(source_of(server))
        server.change_issue(known[0], summary="Changed")
        assert keys(read(source_of(server), cursor)[0]) == [known[0]]


def test_an_issue_of_winter_is_found_by_the_servers_offset_of_summer() -> None:
    with JiraServer(zone="America/New_York") as server:
        server.now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
        expected = [server.add_issue(at=datetime(2026, 1, 15, 12, minute, tzinfo=UTC)) for minute in range(0, 60, 5)]
        assert keys(read(source_of(server, page_size=3))[0]) == expected


@FLAVOURS
@pytest.mark.parametrize("fold", [0, 1])
def test_nothing_is_skipped_in_the_hour_that_the_clock_shows_twice(flavour: str, fold: int) -> None:
    with JiraServer(flavour, zone="America/New_York") as server:
        server.fold = fold
        expected = [server.add_issue(at=TWICE + timedelta(minutes=5 * number - 60)) for number in range(48)]
        assert keys(read(source_of(server, auth=ANA, page_size=4))[0]) == expected


@FLAVOURS
@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize("first", [10, 70])
@pytest.mark.parametrize("later", [20, 80])
def test_polls_within_the_hour_that_the_clock_shows_twice_find_each_change(
    flavour: str, fold: int, first: int, later: int
) -> None:
    with JiraServer(flavour, zone="America/New_York") as server:
        server.fold = fold
        server.add_issue(at=TWICE + timedelta(minutes=first))
        _, cursor = read(source_of(server, auth=ANA))
        key = server.add_issue(at=TWICE + timedelta(minutes=first + later))
        assert keys(read(source_of(server, auth=ANA), cursor)[0]) == [key]


def test_a_minute_that_comes_twice_gives_the_last_one_that_does_not() -> None:
    bounds = [UserZone(NEW_YORK).lower(TWICE + timedelta(minutes=minute)) for minute in (0, 30, 90)]
    assert {(bound.text, bound.earliest) for bound in bounds} == {("2026-11-01 00:59", TWICE - timedelta(minutes=1))}


def test_the_minute_after_comes_once_again() -> None:
    bound = UserZone(NEW_YORK).lower(TWICE + timedelta(hours=2, seconds=59))
    assert (bound.text, bound.earliest) == ("2026-11-01 02:00", TWICE + timedelta(hours=2))


def test_a_zone_that_is_not_known_here_is_none() -> None:
    assert named_zone("Mars/Olympus") is None
    assert named_zone("../etc/passwd") is None


def test_a_server_that_does_not_say_its_time_is_taken_for_utc() -> None:
    assert server_zone({}).zone is UTC


@FLAVOURS
@pytest.mark.parametrize("skew", [timedelta(minutes=10), timedelta(minutes=-10)])
def test_a_server_whose_clock_is_off_loses_no_change(flavour: str, skew: timedelta) -> None:
    with JiraServer(flavour) as server:
        server.skew = skew
        known = [server.add_issue() for _ in range(3)]
        _, cursor = read(source_of(server, auth=ANA))
        server.now += timedelta(minutes=1)
        server.change_issue(known[1], summary="Changed")
        assert keys(read(source_of(server, auth=ANA), cursor)[0]) == [known[1]]


def test_a_clock_that_is_put_right_backwards_loses_no_change_within_the_overlap() -> None:
    with JiraServer() as server:
        known = [server.add_issue() for _ in range(2)]
        _, cursor = read(source_of(server, auth=ANA))
        server.skew = timedelta(seconds=-90)
        server.change_issue(known[0], summary="Changed")
        assert keys(read(source_of(server, auth=ANA), cursor)[0]) == [known[0]]


@FLAVOURS
def test_a_time_zone_that_the_user_changes_in_the_middle_of_a_pass_loses_nothing(flavour: str) -> None:
    with JiraServer(flavour, zone="UTC") as server:
        moment = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
        expected = [server.add_issue(at=moment + timedelta(seconds=number)) for number in range(12)]
        source = source_of(server, auth=ANA, page_size=5)
        page = next(source.pages(source.streams()[0], None))
        server.zone = ZoneInfo("Asia/Kolkata")
        for held in server.issues.values():
            held.rendered = None
        rest, _ = read(source_of(server, auth=ANA, page_size=5), page.cursor)
        assert [item.external_id for item in page.records] + keys(rest) == expected


@FLAVOURS
def test_a_place_in_a_query_of_another_time_zone_is_not_asked_for(flavour: str) -> None:
    with JiraServer(flavour, zone="UTC") as server:
        moment = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
        for number in range(12):
            server.add_issue(at=moment + timedelta(seconds=number))
        source = source_of(server, auth=ANA, page_size=5)
        pages = source.pages(source.streams()[0], None, moment)
        cursor = next(pages).cursor
        server.zone = ZoneInfo("Asia/Kolkata")
        server.requests.clear()
        read(source_of(server, auth=ANA, page_size=5), cursor)
        first = server.searches()[0].query
        assert (first.get("startAt", "0"), first.get("nextPageToken")) == ("0", None)
