"""The kind `git`: the commits of a local clone, or of a repository by its URL."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.git.shapes import COMMIT
from precedent.sources.options import Place
from precedent.sources.source import FileSource, LiveSource


class GitConfiguration(SourceConfiguration):
    """A local clone by its path, or a repository by its URL."""

    path: Annotated[str | None, Place.PATH] = Field(default=None, min_length=1, description="The folder of a clone.")
    url: Annotated[str | None, Place.URL] = Field(
        default=None, min_length=1, description="https://, ssh:// or file://, to be cloned and fetched."
    )
    branch: str | None = Field(default=None, description="The branch to read; by default HEAD.")
    depth: int | None = Field(default=None, ge=1, description="By URL: commits of history to fetch; by default all.")
    user: str | None = Field(default=None, description="By URL: the user name that goes with the key.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.url is None):
            raise ValueError("needs a path or a URL")
        if self.path and (self.depth or self.user):
            raise ValueError("--depth and --user belong to a repository by URL")
        return self

    @property
    def address(self) -> str | None:
        """The URL, if it is one of HTTP."""
        return self.url if self.url and self.url.startswith(("http://", "https://")) else None

    @property
    def live(self) -> bool:
        """True for a repository by URL."""
        return self.url is not None


def _open(configuration: GitConfiguration, context: SourceContext) -> FileSource | LiveSource:
    if configuration.path is not None:
        from precedent.sources.kinds.git.local import GitSource

        return GitSource(Path(configuration.path), configuration.branch)
    from precedent.sources.kinds.git.remote import GitRemoteSource

    # One clone a source, never shared: who may read a repository is for its server to say, for each source anew.
    return GitRemoteSource(
        configuration.url or "",
        folder=context.folder,
        branch=configuration.branch,
        depth=configuration.depth,
        auth=(configuration.user or "git", context.key) if context.key else None,
        # A server that packs a large history says nothing for a while.
        timeout_s=2 * context.http.timeout_s,
    )


KIND = SourceKind(
    name="git",
    title="Commits of a git repository",
    configuration=GitConfiguration,
    open=_open,
    key="By URL: a token or password.",
    shapes=(COMMIT,),
)
