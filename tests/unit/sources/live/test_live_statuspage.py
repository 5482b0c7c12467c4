"""The status page source against a loopback page with real incidents."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from precedent.errors import ActionRequired, NotThere, RetryLater, UsageError
from precedent.sources.kinds.statuspage.shapes import INCIDENT
from precedent.sources.kinds.statuspage.source import INCIDENTS, StatuspageSource
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.source import Cursor, Page
from precedent.testing.loopback import Response
from tests.servers.http_options import quick
from tests.servers.statuspage import LISTED, StatuspageServer

RECORDS = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "incidents" / "statuspage.jsonl.gz"


@pytest.fixture(scope="module")
def real() -> list[dict[str, Any]]:
    if not RECORDS.exists():
        pytest.skip("the shared records are not here")
    with gzip.open(RECORDS) as lines:
        return [orjson.loads(line) for line in lines]


@pytest.fixture
def server(real: list[dict[str, Any]]) -> Iterator[StatuspageServer]:
    with StatuspageServer(orjson.loads(orjson.dumps(real))) as running:
        yield running


@pytest.fixture
def source(server: StatuspageServer) -> Iterator[StatuspageSource]:
    opened = StatuspageSource(server.url, options=quick(timeout_s=2))
    yield opened
    opened.close()


def read(source: StatuspageSource, cursor: Cursor | None = None, since: datetime | None = None) -> list[Page]:
    return list(source.pages(INCIDENTS, cursor, since))


def stored(pages: list[Page]) -> Cursor:
    """The last cursor as another process gets it."""
    cursor: Cursor = orjson.loads(orjson.dumps(pages[-1].cursor))
    return cursor


def invented(identifier: str, created: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "name": "Slow checkout",
        "status": "investigating",
        "impact": "minor",
        "created_at": created,
        "updated_at": created,
        "components": [],
        "incident_updates": [{"id": f"{identifier}u", "status": "investigating", "body": "We look into it."}],
    }


def test_the_listed_incidents_are_those_of_an_archive(server: StatuspageServer, source: StatuspageSource) -> None:
    (page,) = read(source)
    by_id = {record.external_id: record for record in page.records if isinstance(record, RawRecord)}
    assert by_id == {incident["id"]: INCIDENT.record(incident) for incident in server.listed()}
    assert len(by_id) == LISTED


def test_the_oldest_change_comes_first(source: StatuspageSource) -> None:
    changes = [record.updated_at for record in read(source)[0].records if isinstance(record, RawRecord)]
    assert changes == sorted(moment for moment in changes if moment)


def test_an_unchanged_page_is_not_sent_again(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    assert read(source, cursor) == []
    assert server.requests[-1].headers["if-none-match"] == cursor["etag"]


def test_a_new_incident_is_read(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    server.incidents.append(invented("new", "2027-01-01T10:00:00.000Z"))
    (page,) = read(source, cursor)
    assert "new" in {record.external_id for record in page.records if isinstance(record, RawRecord)}


def test_a_changed_incident_is_read_as_it_is_now(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    changed = server.listed()[10]
    changed["name"], changed["updated_at"] = "Known by another name", "2027-01-01T10:00:00.000Z"
    last = read(source, cursor)[0].records[-1]
    assert isinstance(last, RawRecord)
    assert (last.external_id, last.payload["name"]) == (changed["id"], "Known by another name")


def test_an_incident_that_only_dropped_out_of_the_list_is_kept(
    server: StatuspageServer, source: StatuspageSource
) -> None:
    cursor = stored(read(source))
    oldest = server.listed()[-1]["id"]
    server.incidents.append(invented("new", "2027-01-01T10:00:00.000Z"))
    (page,) = read(source, cursor)
    assert oldest not in {incident["id"] for incident in server.listed()}
    assert page.gone == ()


def test_an_incident_that_was_deleted_from_within_the_list_is_gone(
    server: StatuspageServer, source: StatuspageSource
) -> None:
    cursor = stored(read(source))
    deleted = server.listed()[20]
    server.incidents.remove(deleted)
    (page,) = read(source, cursor)
    assert page.gone == ((RawKind.INCIDENT, deleted["id"]),)


def test_an_incident_is_told_gone_once(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    server.incidents.remove(server.listed()[20])
    cursor = stored(read(source, cursor))
    server.incidents.append(invented("new", "2027-01-01T10:00:00.000Z"))
    assert read(source, cursor)[0].gone == ()


def test_an_empty_list_takes_nothing_away(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    server.incidents.clear()
    assert read(source, cursor)[0].gone == ()


def test_a_list_in_another_order_takes_nothing_away(server: StatuspageServer, source: StatuspageSource) -> None:
    cursor = stored(read(source))
    listed = server.listed()
    shuffled = {"page": server.page, "incidents": [*listed[30:], *listed[:20]]}
    server.fail("status", response=Response(shuffled))
    assert read(source, cursor)[0].gone == ()


def test_the_cursor_remembers_what_is_listed_and_no_more(source: StatuspageSource) -> None:
    assert len(stored(read(source))["listed"]) == LISTED


def test_scheduled_maintenance_is_no_incident(server: StatuspageServer, source: StatuspageSource) -> None:
    server.incidents.append(invented("later", "2027-01-01T10:00:00.000Z") | {"scheduled_for": "2027-02-01T10:00:00Z"})
    assert "later" not in {record.external_id for record in read(source)[0].records if isinstance(record, RawRecord)}


def test_a_first_read_since_a_moment_leaves_older_changes_out(
    server: StatuspageServer, source: StatuspageSource
) -> None:
    server.incidents.append(invented("new", "2027-01-01T10:00:00.000Z"))
    (page,) = read(source, since=datetime(2027, 1, 1, tzinfo=UTC))
    assert [record.external_id for record in page.records if isinstance(record, RawRecord)] == ["new"]


def test_an_incident_that_cannot_be_read_is_rejected_and_the_others_are_kept(
    server: StatuspageServer, source: StatuspageSource
) -> None:
    server.incidents.append(invented("odd", "2027-01-01T10:00:00.000Z") | {"incident_updates": "none"})
    records = read(source)[0].records
    assert [record.reason for record in records if isinstance(record, RejectedRecord)] == ["wrong_type"]
    assert len(records) == LISTED


def test_a_probe_costs_one_request_and_no_content_where_nothing_changed(
    server: StatuspageServer, source: StatuspageSource
) -> None:
    before = source.probe()
    server.requests.clear()
    assert source.probe(before) == before
    assert [asked.headers["if-none-match"] for asked in server.requests] == [before.validators["etag"]]


def test_a_probe_sees_a_change(server: StatuspageServer, source: StatuspageSource) -> None:
    before = source.probe()
    server.listed()[3]["name"] = "Known by another name"
    assert source.probe(before).token != before.token


def test_a_probe_overlooks_what_is_not_an_incident(server: StatuspageServer, source: StatuspageSource) -> None:
    before = source.probe()
    server.page["updated_at"] = "2027-01-01T10:00:00.000Z"
    assert source.probe(before).token == before.token


def test_a_redirect_is_followed(server: StatuspageServer, source: StatuspageSource) -> None:
    server.fail("status", response=Response(status=302, headers={"Location": "/api/v2/incidents.json"}))
    assert len(read(source)[0].records) == LISTED


def test_redirects_without_end_need_attention(server: StatuspageServer, source: StatuspageSource) -> None:
    server.fail("status", times=99, response=Response(status=302, headers={"Location": "/api/v2/incidents.json"}))
    with pytest.raises(ActionRequired, match="redirects more than 5 times"):
        read(source)


def test_a_site_without_the_feed_is_no_statuspage(server: StatuspageServer, source: StatuspageSource) -> None:
    server.fail("status", response=Response({"error": "not found"}, 404))
    with pytest.raises(NotThere, match="is not a Statuspage"):
        source.probe()


@pytest.mark.parametrize("data", [{"page": {}}, {"incidents": {"a": 1}}, [1, 2]])
def test_a_feed_of_another_form_is_no_statuspage(
    server: StatuspageServer, source: StatuspageSource, data: object
) -> None:
    server.fail("status", times=9, response=Response(data))
    with pytest.raises(ActionRequired) as fault:
        source.probe()
    assert fault.value.code == "other_shape"


def test_a_web_page_needs_attention(server: StatuspageServer, source: StatuspageSource) -> None:
    server.fail("html", times=9)
    with pytest.raises(ActionRequired, match="web page"):
        source.probe()


@pytest.mark.parametrize("kind", ["status", "cut", "reset"])
def test_trouble_that_passes_is_overcome(server: StatuspageServer, source: StatuspageSource, kind: str) -> None:
    server.fail(kind, times=2)
    assert len(read(source)[0].records) == LISTED


@pytest.mark.parametrize("kind", ["status", "cut", "reset"])
def test_trouble_that_stays_is_waited_for(server: StatuspageServer, source: StatuspageSource, kind: str) -> None:
    server.fail(kind, times=99)
    with pytest.raises(RetryLater):
        read(source)


def test_a_silent_server_is_waited_for(server: StatuspageServer) -> None:
    server.fail("slow", times=9, seconds=5)
    with pytest.raises(RetryLater, match="does not answer within"):
        StatuspageSource(server.url, options=quick(timeout_s=0.2)).probe()


def test_an_answer_without_end_is_refused(server: StatuspageServer) -> None:
    server.fail("status", response=Response({"incidents": ["x" * (1 << 20)]}))
    with pytest.raises(ActionRequired) as fault:
        StatuspageSource(server.url, options=quick(largest_answer=1 << 16)).probe()
    assert fault.value.code == "too_large"


@pytest.mark.parametrize("url", ["status.example.com", "ftp://example.com", "https://", "https://a:secret@example.com"])
def test_what_is_no_public_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as error:
        StatuspageSource(url)
    assert "secret" not in str(error.value)
