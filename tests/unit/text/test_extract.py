"""One golden document per shape."""

from datetime import UTC, datetime
from typing import Any

import pytest

from precedent.sources.registry import extract
from precedent.text.extract.model import Comment, Document


def test_github_issue() -> None:
    payload: dict[str, Any] = {
        "title": "Crash  on start",
        "body": "Crash on start\r\n\r\nSee [log](https://x.y).",
        "state": "closed",
        "state_reason": "not_planned",
        "labels": [{"name": "Bug"}, {"name": "GUI"}, {"name": None}],
        "user": {"login": "ann"},
        "html_url": "https://github.com/o/r/issues/1",
    }
    assert extract("github_issue", payload) == Document(
        title="Crash on start",
        text="See log.\n\nstate: closed; labels: Bug, GUI",
        state="closed",
        resolution="not_planned",
        labels=("Bug", "GUI"),
        author="ann",
        url="https://github.com/o/r/issues/1",
    )


def test_github_pull_request() -> None:
    payload: dict[str, Any] = {
        "title": "Fix it",
        "body": None,
        "state": "closed",
        "merged_at": "2024-01-02T00:00:00Z",
        "base": {"ref": "main"},
        "labels": [],
    }
    assert extract("github_pull", payload) == Document(
        title="Fix it",
        text="state: merged; merged into: main",
        state="merged",
        resolution="merged",
    )


def test_pull_request_closed_without_merging() -> None:
    payload = {"title": "Fix it", "state": "closed", "draft": True}
    found = extract("github_pull", payload)
    assert (found.state, found.resolution) == ("closed", "not merged")
    assert found.text == "state: closed without merging; draft: yes"


def test_jira_issue() -> None:
    steps = "Open the app, tap the red button twice and wait until the screen turns black for some seconds."
    payload: dict[str, Any] = {
        "key": "AC-1",
        "self": "https://jira.example.org/rest/api/2/issue/10001",
        "names": {"customfield_10001": "Steps"},
        "fields": {
            "summary": "Login fails",
            "description": "h3. Why\nIt *fails*.",
            "issuetype": {"name": "Bug"},
            "priority": {"name": "High"},
            "status": {"name": "In Review"},
            "resolution": {"name": "Won't Fix"},
            "labels": ["ios"],
            "components": [{"name": "Auth"}],
            "environment": "iOS 9\r\n",
            "reporter": {"name": "u1"},
            "customfield_10001": steps,
            "customfield_10002": "0|i0abc:",
            "customfield_10003": "0123456789abcdef" * 20,
            "comment": {
                "comments": [
                    {
                        "id": "3",
                        "created": "2014-03-12T06:25:03.000+0000",
                        "body": "c {quote}b{quote}",
                        "author": {"name": "u2", "displayName": "Bo"},
                    },
                    {"id": "1", "created": "2014-03-12T06:25:01.000+0000", "body": "a"},
                    {"id": "4", "created": "2014-03-12T06:25:04.000+0000", "body": ""},
                ]
            },
        },
    }
    assert extract("jira_issue", payload) == Document(
        title="Login fails",
        text=(
            "Why\n\nIt fails.\n\n"
            "type: Bug; priority: High; state: in review; labels: ios; components: Auth\n\n"
            f"Environment: iOS 9\n\nSteps: {steps}"
        ),
        state="in review",
        type="Bug",
        priority="High",
        resolution="Won't Fix",
        labels=("ios",),
        components=("Auth",),
        author="u1",
        url="https://jira.example.org/browse/AC-1",
        comments=(
            Comment("3", "c", "u2", None, datetime(2014, 3, 12, 6, 25, 3, tzinfo=UTC)),
            Comment("1", "a", None, None, datetime(2014, 3, 12, 6, 25, 1, tzinfo=UTC)),
        ),
    )


def test_commit() -> None:
    payload: dict[str, Any] = {
        "sha": "ab" * 20,
        "parents": ["1", "2"],
        "author_name": "Ann",
        "message": "Fix  leak (#9)\r\n\r\n* free it\r\n\r\nFixes: #8\nSigned-off-by: Ann <a@b>\ngit-svn-id: svn://x@1",
        "files": [
            {"path": "a.c", "insertions": 3, "deletions": 1},
            "b.c",
            "c.c",
            {"filename": "d.c", "insertions": 1},
        ],
    }
    assert extract("git_commit", payload) == Document(
        title="Fix leak (#9)",
        text="* free it\n\nFixes: #8\n\nfiles: a.c, b.c, c.c and 1 more; change: 4 insertions, 1 deletions",
        type="merge",
        author="Ann",
    )


def test_incident() -> None:
    payload: dict[str, Any] = {
        "name": "API errors",
        "status": "resolved",
        "impact": "major",
        "shortlink": "https://stspg.io/x",
        "components": [{"name": "API"}],
        "incident_updates": [
            {
                "status": "resolved",
                "body": "Fixed. " + "All is well now. " * 20,
                "created_at": "2024-01-01T02:00:00Z",
            },
            {"status": "in_progress", "body": "Looking<br>into it", "created_at": "2024-01-01T01:00:00Z"},
            {"status": "identified", "body": None, "created_at": "2024-01-01T01:30:00Z"},
        ],
    }
    found = extract("statuspage_incident", payload)
    well = " ".join(["All is well now."] * 20)
    assert found.text == (
        f"impact: major; state: resolved; components: API\n\nin progress: Looking\ninto it\n\nresolved: Fixed. {well}"
    )
    assert found.resolution == "Fixed. " + " ".join(["All is well now."] * 11)
    assert (found.title, found.state, found.priority, found.components, found.url) == (
        "API errors",
        "resolved",
        "major",
        ("API",),
        "https://stspg.io/x",
    )


def test_mapped_record() -> None:
    mapped = {
        "id": "7",
        "title": "Slow query",
        "body": "{code}select 1{code}\nh2. Why\nno index",
        "state": "Closed",
        "labels": "db, slow",
        "author": {"name": "Bob"},
        "priority": 2,
        "type": "Task",
        "components": ["core"],
        "resolution": "Fixed",
    }
    assert extract("mapped", {"mapped": mapped, "record": {}}) == Document(
        title="Slow query",
        text=(
            "select 1\n\nWhy\n\nno index\n\ntype: Task; priority: 2; state: closed; labels: db, slow; components: core"
        ),
        state="closed",
        type="Task",
        priority="2",
        resolution="Fixed",
        labels=("db", "slow"),
        components=("core",),
        author="Bob",
    )


@pytest.mark.parametrize(
    ("shape", "payload", "text"),
    [
        ("github_comment", {"body": "> a\n\n**b**"}, "b"),
        ("github_comment", {"body": "Coverage 99%", "user": {"login": "codecov[bot]", "type": "Bot"}}, ""),
        ("github_review", {"body": "Fine", "state": "CHANGES_REQUESTED"}, "Review (changes requested): Fine"),
        ("github_review", {"body": "Fine", "state": "COMMENTED"}, "Review: Fine"),
        ("github_review", {"body": None, "state": "APPROVED"}, ""),
        ("github_review_comment", {"body": "nit", "path": "src/a.py"}, "Review comment on src/a.py: nit"),
        ("gitlab_note", {"body": "> a\n\nb", "position": {"new_path": "src/a.py"}}, "Comment on src/a.py: b"),
        ("gitlab_note", {"body": "closed", "system": True}, ""),
        ("gitlab_note", {"body": "deployed", "author": {"username": "ci", "bot": True}}, ""),
        ("mapped", {"mapped": {"body": "see **this**"}}, "see this"),
    ],
)
def test_a_comment_is_what_a_person_said(shape: str, payload: dict[str, Any], text: str) -> None:
    found = extract(shape, payload)
    assert (found.title, found.text) == ("", text)


def test_a_comment_has_its_author_and_page() -> None:
    page = "https://github.com/o/r/issues/1#issuecomment-2"
    found = extract("github_comment", {"body": "b", "user": {"login": "ann"}, "html_url": page})
    assert (found.author, found.url) == ("ann", page)
