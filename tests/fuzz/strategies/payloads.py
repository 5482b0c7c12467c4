"""A sound payload of each shape that the platform knows, and the same with something else in some of its places."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.strategies.values import changed

DAY, LATER = "2025-03-04T10:00:00Z", "2025-03-05T11:30:00+01:00"
REPOSITORY = "https://api.github.com/repos/octo/demo"
PROJECT = "https://gitlab.example.com/group/demo"
BODY = "It **fails**:\n\n```\nENOSPC\n```\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |"
DATES = {"created_at": DAY, "updated_at": LATER}
ADF = {
    "type": "doc",
    "version": 1,
    "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": "It fails", "marks": [{"type": "strong"}]}]},
        {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [{"type": "text", "text": "df -h"}]},
        {
            "type": "table",
            "content": [
                {
                    "type": "tableRow",
                    "content": [{"type": "tableHeader", "content": [{"type": "paragraph", "content": []}]}],
                }
            ],
        },
        {"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "paragraph", "content": []}]}]},
        {"type": "mention", "attrs": {"text": "@mira", "id": "1"}},
    ],
}
USER = {"login": "mira", "type": "User"}


def _issue(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "number": 7,
        "url": f"{REPOSITORY}/issues/7",
        "html_url": "https://github.com/octo/demo/issues/7",
        "title": "The disk is full",
        "body": BODY,
        "state": "closed",
        "state_reason": "completed",
        "labels": [{"name": "bug"}, "disk"],
        "user": USER,
        **DATES,
        **more,
    }


def _commit(**more: Any) -> dict[str, Any]:
    return {"sha": "fa1c8d64ae8c9f0ee76f646dcab1efbec4c9df4a", "parents": [{"sha": "1"}, {"sha": "2"}], **more}


def _gitlab(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "iid": 3,
        "project_id": 9,
        "title": "The disk is full",
        "description": BODY,
        "state": "opened",
        "labels": ["bug"],
        "author": {"username": "mira"},
        "web_url": f"{PROJECT}/-/issues/3",
        **DATES,
        **more,
    }


# By the name of the shape.
SOUND: Mapping[str, dict[str, Any]] = {
    "github_issue": _issue(type={"name": "Bug"}),
    "github_pull": _issue(
        head={"ref": "fix", "sha": "1"}, base={"ref": "main", "sha": "2"}, merged=True, merged_at=LATER, draft=False
    ),
    "github_comment": {"id": 5, "body": "Same here", "issue_url": f"{REPOSITORY}/issues/7", "user": USER, **DATES},
    "github_review": {
        "id": 6,
        "body": "Looks good",
        "state": "APPROVED",
        "submitted_at": DAY,
        "user": USER,
        "pull_request_url": f"{REPOSITORY}/pulls/7",
    },
    "github_review_comment": {
        "id": 8,
        "body": "Why?",
        "path": "a.py",
        "diff_hunk": "@@",
        "pull_request_review_id": 6,
        "pull_request_url": f"{REPOSITORY}/pulls/7",
        "user": USER,
        **DATES,
    },
    "github_commit": _commit(
        commit={
            "message": "Bound it\n\nFixes #7",
            "author": {"name": "mira", "date": DAY},
            "committer": {"date": LATER},
        },
        files=[{"filename": "a.py", "additions": 3, "deletions": 1}],
        stats={"additions": 3, "deletions": 1},
    ),
    "github_release": {
        "id": 4,
        "tag_name": "v1",
        "name": "One",
        "body": BODY,
        "draft": False,
        "prerelease": True,
        "published_at": LATER,
        "author": USER,
        "target_commitish": "main",
        **DATES,
    },
    "github_deployment": {
        "id": 2,
        "environment": "production",
        "sha": "fa1c8d",
        "ref": "main",
        "task": "deploy",
        "description": "Roll out",
        "statuses": [{"state": "success", "created_at": LATER}],
        **DATES,
    },
    "gitlab_issue": _gitlab(issue_type="incident", severity="HIGH"),
    "gitlab_merge_request": _gitlab(source_branch="fix", target_branch="main", draft=True, state="merged"),
    "gitlab_note": {
        "id": 12,
        "body": "Same here",
        "noteable_type": "Issue",
        "noteable_iid": 3,
        "system": False,
        "author": {"username": "mira", "bot": False},
        "position": {"new_path": "a.py"},
        **DATES,
    },
    "gitlab_release": {"tag_name": "v1", "name": "One", "description": BODY, "released_at": LATER, "created_at": DAY},
    "gitlab_deployment": {
        "id": 2,
        "iid": 1,
        "environment": {"name": "production"},
        "sha": "fa1c8d",
        "ref": "main",
        "deployable": {"commit": {"message": "Roll out"}},
        **DATES,
    },
    "gitlab_pipeline": {
        "id": 31,
        "iid": 4,
        "project_id": 9,
        "sha": "fa1c8d",
        "ref": "main",
        "status": "failed",
        "source": "push",
        "failed_jobs": [{"name": "unit", "stage": "test", "failure_reason": "script_failure"}],
        "web_url": f"{PROJECT}/-/pipelines/31",
        **DATES,
    },
    "jira_issue": {
        "id": "20031",
        "key": "HL-31",
        "fields": {
            "summary": "The disk is full",
            "description": ADF,
            "issuetype": {"name": "Bug"},
            "priority": {"name": "High"},
            "status": {"name": "Done"},
            "resolution": {"name": "Fixed"},
            "labels": ["disk"],
            "components": [{"name": "storage"}],
            "environment": "h1. Linux\n{code}uname -a{code}",
            "reporter": {"displayName": "ines"},
            "created": "2025-01-14T10:05:00.000+0000",
            "updated": "2025-01-16T15:00:00.000+0000",
            "comment": {
                "comments": [{"id": "1", "author": {"displayName": "t"}, "body": "||a||\n|b|", "created": DAY}]
            },
        },
    },
    "statuspage_incident": {
        "id": "inc1",
        "name": "Checkout errors",
        "status": "resolved",
        "impact": "major",
        "shortlink": "https://stspg.io/x",
        "components": [{"name": "checkout"}],
        "postmortem_body": "<p>It was the disk.</p>",
        "incident_updates": [
            {
                "id": "u1",
                "status": "resolved",
                "body": "<b>Fixed</b>",
                "display_at": LATER,
                "created_at": DAY,
                "affected_components": [{"name": "api"}],
            }
        ],
        **DATES,
    },
    "git_commit": _commit(
        author_date=DAY,
        commit_date=LATER,
        author_name="mira",
        message="Bound it\n\nSigned-off-by: mira",
        files=["a.py", {"path": "b.py", "insertions": 1}],
    ),
    "mapped": {
        "mapped": {
            "id": "1",
            "title": "The disk is full",
            "body": BODY,
            "state": "open",
            "labels": ["a"],
            "components": ["b"],
            "priority": "P1",
        },
        "record": {"Issue id": "1"},
    },
}

# A payload that is sound but for some of its places, with the name of the shape that it was made from.
payloads = st.sampled_from(sorted(SOUND)).flatmap(lambda shape: st.tuples(st.just(shape), changed(SOUND[shape])))
