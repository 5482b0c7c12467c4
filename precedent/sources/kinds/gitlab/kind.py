"""The kind `gitlab`: a project on GitLab.com or a GitLab of one's own."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.gitlab.shapes import SHAPES
from precedent.sources.options import Place
from precedent.sources.source import LiveSource

PUBLIC = "https://gitlab.com"


class GitLabConfiguration(SourceConfiguration):
    """A project on GitLab."""

    project: Annotated[str, Place.NAME] = Field(description="GROUP/PROJECT on GitLab, or the project's URL.")
    base_url: str = Field(default=PUBLIC, description="Of a self-managed GitLab, https://HOST or https://HOST/path.")
    auth: Literal["token", "bearer"] = Field(
        default="token", description="How the key is sent: token (access tokens) or bearer (OAuth)."
    )
    skip_pipelines: bool = Field(default=False, description="Do not read failed pipelines, which count as incidents.")

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, values: Any) -> Any:
        """A project's URL says where its GitLab is, unless the base URL does."""
        where = values.get("project") if isinstance(values, dict) else None
        if not isinstance(where, str) or not where.startswith(("http://", "https://")):
            return values
        parts = urlsplit(where)
        base = values.get("base_url") or f"{parts.scheme}://{parts.netloc}"
        return {**values, "base_url": base, "project": where.removeprefix(base)}

    @field_validator("project")
    @classmethod
    def _whole_path(cls, value: str) -> str:
        path = value.removesuffix(".git").strip("/")
        if "/" not in path or "://" in path or any(c.isspace() or c in "?#:@%!" for c in path):
            raise ValueError("must be GROUP/PROJECT, or the URL of a project below the base URL")
        return path

    @property
    def address(self) -> str | None:
        """The base URL."""
        return self.base_url


def _open(configuration: GitLabConfiguration, context: SourceContext) -> LiveSource:
    from precedent.sources.kinds.gitlab.source import GitLabSource

    return GitLabSource(
        configuration.project,
        base_url=configuration.base_url,
        key=context.key,
        bearer=configuration.auth == "bearer",
        pipelines=not configuration.skip_pipelines,
        options=context.http,
    )


KIND = SourceKind(
    name="gitlab",
    title="A project on GitLab",
    configuration=GitLabConfiguration,
    open=_open,
    key="A personal, project or group access token with the scope read_api; none for a public project.",
    shapes=SHAPES,
    interval_s=60,
    sweeps=True,
)
