"""Options of `source add`, which follow from the configurations of kinds."""

from pathlib import Path
from typing import Any

import pytest

from orchestration.cli.source_options import source_configuration
from precedent.errors import UsageError
from precedent.sources.registry import configuration_of


def configured(kind: str, where: str, **given: Any) -> dict[str, Any]:
    values = source_configuration(kind, "name", where, {f"kind_{name}": value for name, value in given.items()})
    return configuration_of(kind, values).model_dump(mode="json", exclude_unset=True)


@pytest.mark.parametrize(
    ("kind", "where", "given", "expected"),
    [
        ("github", "acme/web/", {"commit_files": True}, {"repository": "acme/web", "commit_files": True}),
        ("github", "https://github.com/acme/web", {}, {"repository": "acme/web"}),
        (
            "github",
            "acme/web",
            {"app_id": "1", "installation_id": "23"},
            {"repository": "acme/web", "app_id": "1", "installation_id": 23},
        ),
        (
            "jira",
            "https://j.example.com/",
            {"project": ["A", "B"], "field": ["Root cause"], "jql": None},
            {"url": "https://j.example.com", "projects": ["A", "B"], "fields": ["Root cause"]},
        ),
        ("git", "git@host:acme/web.git", {"depth": "5"}, {"url": "git@host:acme/web.git", "depth": 5}),
        ("statuspage", "https://status.example.com", {}, {"url": "https://status.example.com"}),
        (
            "archive",
            "/records",
            {"map": ["id=Issue id", "title=a=b"], "as": "incident"},
            {"path": "/records", "mapping": {"fields": {"id": "Issue id", "title": "a=b"}, "kind": "incident"}},
        ),
    ],
)
def test_words_become_a_configuration(kind: str, where: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert configured(kind, where, **given) == expected


def test_a_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert configured("git", "clone", branch="main") == {"path": str(tmp_path / "clone"), "branch": "main"}


@pytest.mark.parametrize(
    ("kind", "where", "given", "words"),
    [
        ("svn", "x", {}, "There is no source kind 'svn'"),
        ("github", None, {}, "Say where the records are"),
        ("github", "acme/web", {"jql": "a = b"}, "--jql belongs to sources of kind jira"),
        ("archive", "x", {"user": "me"}, "--user belongs to sources of kind git, jira"),
        ("github", "acme", {}, "repository: must be OWNER/NAME"),
        ("github", "acme/web", {"app_id": "1"}, "needs both --app-id and --installation-id"),
        ("jira", "https://x", {}, "needs --project or --jql"),
        ("jira", "https://x", {"jql": "a = b", "deployment": "moon"}, "--deployment: "),
        ("git", "https://x/y.git", {"depth": "none"}, "--depth: "),
        ("git", "folder", {"depth": "5"}, "belong to a repository by URL"),
        ("archive", "x", {"as": "incident"}, "--map: Field required"),
        ("archive", "x", {"map": ["id=a", "title=b"], "as": "poem"}, "--as: "),
    ],
)
def test_what_does_not_fit_names_the_option(kind: str, where: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        configured(kind, where, **given)
    assert words in str(caught.value)
