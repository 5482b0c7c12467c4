"""Commits, releases and deployments as GitHub's interface returns them."""

import pytest

from precedent.sources.kinds.git.shapes import COMMIT as GIT_COMMIT
from precedent.sources.records import RawKind
from precedent.sources.registry import extract, recognise, record
from precedent.text.extract.model import Document

COMMIT = {
    "sha": "f" * 40,
    "html_url": "https://github.com/o/n/commit/ffffff",
    "commit": {
        "message": "Handle an empty reply\n\nThe parser expected a line.\n\nSigned-off-by: Ada <ada@example.com>",
        "author": {"name": "Ada", "date": "2026-01-01T00:00:00Z"},
        "committer": {"name": "GitHub", "date": "2026-01-02T00:00:00Z"},
    },
    "author": {"login": "ada"},
    "parents": [{"sha": "a" * 40}],
}
RELEASE = {
    "id": 5,
    "tag_name": "v1.2",
    "name": "Spring",
    "body": "## Fixes\n\n* empty replies",
    "draft": False,
    "prerelease": False,
    "created_at": "2026-01-01T00:00:00Z",
    "published_at": "2026-01-03T00:00:00Z",
    "target_commitish": "main",
    "author": {"login": "ada"},
    "html_url": "https://github.com/o/n/releases/v1.2",
}
DEPLOYMENT = {
    "id": 6,
    "sha": "f" * 40,
    "ref": "main",
    "task": "deploy",
    "environment": "production",
    "description": "Deploy of main",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:05:00Z",
    "statuses": [{"state": "failure"}],
}


@pytest.mark.parametrize(
    ("payload", "shape", "kind", "external_id", "created", "updated"),
    [
        (COMMIT, "github_commit", RawKind.COMMIT, "f" * 40, "2026-01-01", "2026-01-02"),
        (RELEASE, "github_release", RawKind.RELEASE, "release:5", "2026-01-03", "2026-01-03"),
        (DEPLOYMENT, "github_deployment", RawKind.DEPLOYMENT, "deployment:6", "2026-01-01", "2026-01-01"),
    ],
)
def test_each_is_recognised_and_keyed(
    payload: dict[str, object], shape: str, kind: RawKind, external_id: str, created: str, updated: str
) -> None:
    found = record(payload)
    assert (found.shape, found.kind, found.external_id) == (shape, kind, external_id)
    assert found.created_at is not None
    assert found.updated_at is not None
    assert (str(found.created_at.date()), str(found.updated_at.date())) == (created, updated)


def test_a_commit_of_git_log_is_not_taken_for_one_of_github() -> None:
    assert recognise({"sha": "f" * 40, "message": "x"}) is GIT_COMMIT


def test_a_commit_says_its_message_and_who_wrote_it() -> None:
    assert extract("github_commit", COMMIT) == Document(
        title="Handle an empty reply",
        text="The parser expected a line.",
        author="Ada",
        url="https://github.com/o/n/commit/ffffff",
    )


def test_a_commit_with_files_says_them_and_the_size_of_the_change() -> None:
    files = [{"filename": name, "additions": 1, "deletions": 0} for name in ("a.py", "b.py", "c.py", "d.py")]
    whole = {**COMMIT, "files": files, "stats": {"additions": 4, "deletions": 0, "total": 4}}
    found = extract("github_commit", whole)
    assert found.text.endswith("files: a.py, b.py, c.py and 1 more; change: 4 insertions, 0 deletions")


def test_a_merge_is_one() -> None:
    merge = {**COMMIT, "parents": [{"sha": "a"}, {"sha": "b"}]}
    assert extract("github_commit", merge).type == "merge"


def test_a_release_says_its_notes_and_its_tag() -> None:
    assert extract("github_release", RELEASE) == Document(
        title="Spring",
        text="Fixes\n\n- empty replies\n\nrelease: v1.2; made from: main",
        state="published",
        type="release",
        author="ada",
        url="https://github.com/o/n/releases/v1.2",
    )


def test_a_release_without_a_name_is_called_by_its_tag() -> None:
    assert extract("github_release", {**RELEASE, "name": None}).title == "v1.2"


@pytest.mark.parametrize(("field", "state"), [("draft", "draft"), ("prerelease", "prerelease")])
def test_a_release_that_is_not_final_says_so(field: str, state: str) -> None:
    found = extract("github_release", {**RELEASE, field: True})
    assert found.state == state
    assert f"state: {state}" in found.text


def test_a_deployment_has_only_its_description() -> None:
    found = extract("github_deployment", DEPLOYMENT)
    assert found == Document(title="", text="Deploy of main")
