"""What each kind of source is configured with, checked when it is saved and again when it is opened."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from precedent.errors import UsageError


class Configuration(BaseModel):
    """The part of a source's row that is no secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def address(self) -> str | None:
        """The HTTP address that it asks, where it asks one."""
        return None


class ArchiveConfiguration(Configuration):
    """Files of records."""

    path: str = Field(min_length=1, description="A folder or file.")
    mapping: dict[str, Any] | None = Field(default=None, description="Which fields of unknown records mean what.")


class GitConfiguration(Configuration):
    """A local clone by its path, or a repository by its URL."""

    path: str | None = Field(default=None, min_length=1, description="The folder of a clone.")
    url: str | None = Field(default=None, min_length=1, description="https://, ssh:// or file://; cloned and fetched.")
    branch: str | None = Field(default=None, description="The branch to read; by default the one that HEAD names.")
    depth: int | None = Field(default=None, ge=1, description="Commits of history to fetch; by default all.")
    user: str | None = Field(default=None, description="The user name that goes with the key.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("needs a path or a URL")
        if self.path and (self.depth or self.user):
            raise ValueError("depth and user belong to a repository by URL")
        return self

    @property
    def address(self) -> str | None:
        """The address, where it is an HTTP one."""
        return self.url if self.url and self.url.startswith(("http://", "https://")) else None


class GitHubConfiguration(Configuration):
    """A repository on GitHub or GitHub Enterprise."""

    repository: str = Field(description="owner/name")
    base_url: str | None = Field(default=None, description="Of GitHub Enterprise: https://host/api/v3.")
    app_id: str | None = Field(default=None, description="Of a GitHub App, whose private key is the key.")
    installation_id: int | None = Field(default=None, description="The App's installation that sees the repository.")
    commit_files: bool = Field(default=False, description="Ask for the files of each commit: one request a commit.")

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        value = value.removeprefix("https://github.com/").removesuffix(".git").strip("/")
        owner, slash, name = value.partition("/")
        if not slash or not owner or not name or "/" in name or any(c.isspace() or c in "?#:@" for c in value):
            raise ValueError("must be OWNER/NAME")
        return value

    @model_validator(mode="after")
    def _whole_app(self) -> Self:
        if (self.app_id is None) != (self.installation_id is None):
            raise ValueError("a GitHub App needs both app_id and installation_id")
        return self

    @property
    def address(self) -> str | None:
        """The base URL of Enterprise."""
        return self.base_url


class JiraConfiguration(Configuration):
    """Projects of a Jira."""

    url: str = Field(description="https://company.atlassian.net, or the base URL of Server or Data Center.")
    projects: tuple[str, ...] = Field(default=(), description="Keys of projects.")
    jql: str | None = Field(default=None, description="A condition that issues must meet as well.")
    fields: tuple[str, ...] = Field(default=(), description="Custom fields to keep, by name.")
    user: str | None = Field(default=None, description="E-mail (Cloud) or user name; without one the key is a token.")
    deployment: Literal["auto", "cloud", "server"] = Field(default="auto", description="Which of the interfaces.")

    @model_validator(mode="after")
    def _some_scope(self) -> Self:
        if not self.projects and not self.jql:
            raise ValueError("needs a project or a JQL condition")
        return self

    @property
    def address(self) -> str | None:
        """The base URL."""
        return self.url


class StatuspageConfiguration(Configuration):
    """A public status page."""

    url: str = Field(description="https://status.example.com")

    @property
    def address(self) -> str | None:
        """The page's address."""
        return self.url


KINDS: dict[str, type[Configuration]] = {
    "archive": ArchiveConfiguration,
    "git": GitConfiguration,
    "github": GitHubConfiguration,
    "jira": JiraConfiguration,
    "statuspage": StatuspageConfiguration,
}


def configuration_of(kind: str, values: Mapping[str, Any]) -> Configuration:
    """The checked configuration of a source.

    Raises:
        UsageError: an unknown kind, or values that do not fit it.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no source kind {kind!r}: choose from {', '.join(KINDS)}.")
    try:
        return KINDS[kind].model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"A source of kind {kind} cannot be so: {where + ': ' if where else ''}{said}.") from None


def is_live(kind: str, values: Mapping[str, Any]) -> bool:
    """Whether a source is a server that is asked again and again, not files that are read as a whole."""
    return kind in {"github", "jira", "statuspage"} or (kind == "git" and "url" in values)
