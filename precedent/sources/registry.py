"""Opening a source of any kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from precedent.errors import UsageError
from precedent.settings import Settings
from precedent.sources.configurations import (
    ArchiveConfiguration,
    GitConfiguration,
    GitHubConfiguration,
    JiraConfiguration,
    StatuspageConfiguration,
    configuration_of,
)
from precedent.sources.kind import LiveSource
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.kinds.git.local import GitSource
from precedent.sources.records import Source
from precedent.sources.shapes.mapping import FieldMapping

NO_SECRETS: Mapping[str, str] = {}


def open_source(
    kind: str,
    values: Mapping[str, Any],
    secrets: Mapping[str, str] = NO_SECRETS,
    *,
    name: str | None = None,
    number: int | None = None,
) -> Source | LiveSource:
    """A source as it was configured; a live one is not asked anything yet.

    Args:
        kind: One of `configurations.KINDS`.
        values: Its configuration.
        secrets: Its credentials: `api_key`, or the private key of an App.
        name: What ids began with at the last sync, of sources whose name may change.
        number: The source's id, under which files of its own are kept; without it, it can be looked at only.

    Raises:
        UsageError: an unknown kind or a configuration that does not fit it.
        SourceError: files that are not there.
    """
    found = configuration_of(kind, values)
    key = secrets.get("api_key") or secrets.get("private_key")
    match found:
        case ArchiveConfiguration():
            mapping = FieldMapping.from_configuration(found.mapping) if found.mapping else None
            return ArchiveSource(Path(found.path), mapping, Settings.from_environment().max_body_bytes)
        case GitConfiguration(path=str(path)):
            return GitSource(Path(path), found.branch)
        case GitConfiguration():
            return _git(found, key, number)
        case GitHubConfiguration():
            return _github(found, key, name)
        case JiraConfiguration():
            return _jira(found, key)
        case StatuspageConfiguration():
            from precedent.sources.kinds.statuspage.source import StatuspageSource

            return StatuspageSource(found.url)
        case _:
            raise UsageError(f"A source of kind {kind} cannot be opened by this version.")


def _git(found: GitConfiguration, key: str | None, number: int | None) -> LiveSource:
    from precedent.sources.kinds.git.remote import GitRemoteSource

    # One clone a source, never shared: who may read a repository is for its server to say, for each anew.
    folder = clone_folder(Settings.from_environment().home, number)
    auth = (found.user or "git", key) if key else None
    return GitRemoteSource(found.url or "", folder=folder, branch=found.branch, depth=found.depth, auth=auth)


def clone_folder(home: Path, number: int | None) -> Path:
    """Where the clone of a source lives; removed with it."""
    return home / "clones" / str(number or "none")


def _github(found: GitHubConfiguration, key: str | None, name: str | None) -> LiveSource:
    from precedent.sources.kinds.github import GitHubAuth, GitHubSource

    if found.app_id is not None and found.installation_id is not None:
        auth = GitHubAuth(app_id=found.app_id, installation_id=found.installation_id, private_key=key)
    else:
        auth = GitHubAuth(token=key)
    return GitHubSource(
        found.repository, base_url=found.base_url, auth=auth, name=name, commit_files=found.commit_files
    )


def _jira(found: JiraConfiguration, key: str | None) -> LiveSource:
    from precedent.sources.kinds.jira import JiraAuth, JiraSource

    return JiraSource(
        found.url, projects=found.projects, jql=found.jql, deployment=found.deployment, fields=found.fields,
        auth=JiraAuth.of(found.user, key),
    )  # fmt: skip
