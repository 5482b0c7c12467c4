"""The kind `github`: a repository on GitHub or GitHub Enterprise."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.github.shapes import SHAPES
from precedent.sources.options import Place
from precedent.sources.source import LiveSource


class GitHubConfiguration(SourceConfiguration):
    """A repository on GitHub or GitHub Enterprise."""

    repository: Annotated[str, Place.NAME] = Field(description="OWNER/NAME on GitHub.")
    base_url: str | None = Field(default=None, description="Of GitHub Enterprise, https://HOST/api/v3.")
    app_id: str | None = Field(default=None, description="The id of a GitHub App, whose private key is the key.")
    installation_id: int | None = Field(default=None, description="The App's installation that sees the repository.")
    commit_files: bool = Field(default=False, description="Ask for the files of each commit: a request for each.")

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
            raise ValueError("a GitHub App needs both --app-id and --installation-id")
        return self

    @property
    def address(self) -> str | None:
        """The base URL of Enterprise."""
        return self.base_url


def _open(configuration: GitHubConfiguration, context: SourceContext) -> LiveSource:
    from precedent.sources.kinds.github.auth import GitHubAuth
    from precedent.sources.kinds.github.source import GitHubSource

    if configuration.app_id is not None:
        auth = GitHubAuth(
            app_id=configuration.app_id, installation_id=configuration.installation_id, private_key=context.key
        )
    else:
        auth = GitHubAuth(token=context.key)
    return GitHubSource(
        configuration.repository,
        base_url=configuration.base_url,
        auth=auth,
        name=context.name,
        commit_files=configuration.commit_files,
        options=context.http,
    )


KIND = SourceKind(
    name="github",
    title="A repository on GitHub or GitHub Enterprise",
    configuration=GitHubConfiguration,
    open=_open,
    key="A fine-grained token that may read contents, issues, pull requests, deployments and metadata, or the private "
    "key of an App; none for a public repository.",
    shapes=SHAPES,
    interval_s=30,
    sweeps=True,
)
