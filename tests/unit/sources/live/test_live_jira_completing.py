"""Comments, history and custom fields that a search leaves out, and documents instead of wiki markup."""

from collections.abc import Iterator

import pytest

from precedent.errors import ActionRequired
from precedent.sources.kinds.jira.source import JiraSource
from precedent.sources.records import RawRecord
from precedent.sources.registry import extract
from precedent.testing.loopback import Response
from tests.servers.jira import JiraServer
from tests.servers.jira_asking import keys, read, source_of

STEPS = "Open the report of the quarter,\nthen close the window while it loads and look at the log of the server."
MARKUP = """The importer stops with an error when a file has no header.

It worked with the version before:
{code:java}
Reader reader = open(path);
reader.skipHeader();
{code}
Please see the file of *yesterday* too."""


@pytest.fixture(params=["server", "cloud"])
def server(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


def only(source: JiraSource) -> RawRecord:
    (record,) = read(source)[0]
    return record


def test_all_comments_come_where_the_search_gives_one_of_five(server: JiraServer) -> None:
    server.comments_shown = 1
    key = server.add_issue()
    for number in range(5):
        server.comment(key, f"Comment {number}")
    comments = only(source_of(server)).payload["fields"]["comment"]["comments"]
    assert [comment["id"] for comment in comments] == [f"{key}:{number}" for number in range(1, 6)]


def test_all_pages_of_comments_come(server: JiraServer) -> None:
    server.comments_shown, server.page_limit = 1, 2
    key = server.add_issue()
    for number in range(5):
        server.comment(key, f"Comment {number}")
    assert len(only(source_of(server)).payload["fields"]["comment"]["comments"]) == 5


@pytest.mark.parametrize("calls_cut_whole", [False, True])
def test_the_whole_history_comes(server: JiraServer, calls_cut_whole: bool) -> None:
    server.calls_cut_whole = calls_cut_whole
    key = server.add_issue()
    for number in range(130):
        server.change_issue(key, summary=f"Version {number}")
    histories = only(source_of(server)).payload["changelog"]["histories"]
    assert {entry["id"] for entry in histories} == {str(number) for number in range(1, 131)}


def test_a_custom_field_is_kept_by_its_name(server: JiraServer) -> None:
    steps = server.define_field("Steps to reproduce")
    server.add_issue(**{steps: STEPS})
    payload = only(source_of(server, fields=("steps to Reproduce",))).payload
    assert payload["names"] == {steps: "Steps to reproduce"}
    assert steps in payload["fields"]


def test_a_custom_field_that_is_kept_is_in_the_text_under_its_name(server: JiraServer) -> None:
    steps = server.define_field("Steps to reproduce")
    server.add_issue(**{steps: STEPS})
    record = only(source_of(server, fields=("Steps to reproduce",)))
    text = extract(record.shape, record.payload).text
    assert "Steps to reproduce: Open the report of the quarter" in text


def test_custom_fields_that_nobody_asked_for_or_that_are_null_are_left_out(server: JiraServer) -> None:
    rank, steps = server.define_field("Rank"), server.define_field("Steps to reproduce")
    server.add_issue(**{rank: "0|i0001:", steps: None})
    payload = only(source_of(server, fields=("Steps to reproduce",))).payload
    assert [name for name in payload["fields"] if name.startswith("customfield_")] == []
    assert "names" not in payload


def test_without_configured_fields_the_list_of_fields_is_not_asked_for(server: JiraServer) -> None:
    server.add_issue(**{server.define_field("Rank"): "0|i0001:"})
    only(source_of(server))
    assert [asked for asked in server.requests if asked.path.endswith("/field")] == []


def test_an_unknown_custom_field_is_named_with_similar_ones(server: JiraServer) -> None:
    server.define_field("Steps to reproduce")
    source = source_of(server, fields=("Steps to reprduce",))
    with pytest.raises(ActionRequired, match="similar ones are Steps to reproduce") as raised:
        read(source)
    assert raised.value.code == "unknown_field"


def test_documents_of_cloud_and_markup_of_server_say_the_same_words() -> None:
    texts = []
    for flavour in ("server", "cloud"):
        with JiraServer(flavour) as server:
            key = server.add_issue(summary="Import fails", description=MARKUP.replace("*", ""))
            server.comment(key, "The header is missing.\n\nSee the file.")
            record = only(source_of(server))
            texts.append(extract(record.shape, record.payload).text)
    assert "reader.skipHeader();" in texts[0]
    assert texts[0].split() == texts[1].split()


def test_cloud_sends_documents_and_server_sends_text(server: JiraServer) -> None:
    server.add_issue(description="Words.")
    kind = dict if server.flavour == "cloud" else str
    assert isinstance(only(source_of(server)).payload["fields"]["description"], kind)


def test_an_issue_that_is_deleted_before_its_comments_are_asked_for_is_left_out(server: JiraServer) -> None:
    server.comments_shown = 0
    deleted, kept = server.add_issue(), server.add_issue()
    server.comment(deleted, "Said.")
    server.fail("change", only=lambda asked: "/comment" in asked.path, act=lambda: server.delete_issue(deleted))
    assert keys(read(source_of(server))[0]) == [kept]


def test_characters_that_cannot_be_stored_are_cleaned_and_noted(server: JiraServer) -> None:
    server.add_issue(summary="A\0B")
    record = only(source_of(server))
    assert (record.payload["fields"]["summary"], record.notes) == ("AB", ("nul_removed",))


def test_an_issue_that_cannot_be_read_is_rejected_and_the_others_come(server: JiraServer) -> None:
    bad, good = server.add_issue(summary=7), server.add_issue()
    source = source_of(server)
    records = [item for page in source.pages(source.streams()[0], None) for item in page.records]
    outcomes = [getattr(item, "external_id", getattr(item, "file", None)) for item in records]
    assert outcomes == [f"issue/{bad}", good]


def test_a_list_of_comments_without_comments_needs_attention(server: JiraServer) -> None:
    server.comments_shown = 0
    server.comment(server.add_issue(), "Said.")
    server.fail("status", only=lambda asked: "/comment" in asked.path, response=Response({"total": 1}))
    with pytest.raises(ActionRequired) as raised:
        read(source_of(server))
    assert raised.value.code == "other_shape"
