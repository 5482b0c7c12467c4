"""The kind `jira`: projects of Jira Cloud, Server or Data Center."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.jira.shapes import ISSUE
from precedent.sources.options import Option, Place
from precedent.sources.source import LiveSource


class JiraConfiguration(SourceConfiguration):
    """Projects of a Jira."""

    url: Annotated[str, Place.URL] = Field(description="https://company.atlassian.net, or the base URL of a server.")
    projects: Annotated[tuple[str, ...], Option("project")] = Field(default=(), description="The key of a project.")
    jql: str | None = Field(default=None, description="A condition that issues must meet as well.")
    fields: Annotated[tuple[str, ...], Option("field")] = Field(
        default=(), description="A custom field to keep, by name."
    )
    user: str | None = Field(default=None, description="E-mail (Cloud) or user name; without one the key is a token.")
    deployment: Literal["auto", "cloud", "server"] = Field(
        default="auto", description="Which interface it has, cloud or server; by default it is asked."
    )

    @model_validator(mode="after")
    def _some_scope(self) -> Self:
        if not self.projects and not self.jql:
            raise ValueError("needs --project or --jql")
        return self

    @property
    def address(self) -> str | None:
        """The base URL."""
        return self.url


def _open(configuration: JiraConfiguration, context: SourceContext) -> LiveSource:
    from precedent.sources.kinds.jira.auth import JiraAuth
    from precedent.sources.kinds.jira.source import JiraSource

    return JiraSource(
        configuration.url,
        projects=configuration.projects,
        jql=configuration.jql,
        deployment=configuration.deployment,
        fields=configuration.fields,
        auth=JiraAuth.of(configuration.user, context.key),
        options=context.http,
    )


KIND = SourceKind(
    name="jira",
    title="Projects of Jira Cloud, Server or Data Center",
    configuration=JiraConfiguration,
    open=_open,
    key="Cloud: an API token, with --user. Server and Data Center: a personal access token, or a password with --user.",
    shapes=(ISSUE,),
    interval_s=30,
    sweeps=True,
)
