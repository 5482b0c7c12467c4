"""The kind `statuspage`: the incidents of a public status page."""

from typing import Annotated

from pydantic import Field

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.statuspage.shapes import INCIDENT
from precedent.sources.options import Place
from precedent.sources.source import LiveSource


class StatuspageConfiguration(SourceConfiguration):
    """A public status page."""

    url: Annotated[str, Place.URL] = Field(description="The address of a status page, https://status.example.com.")

    @property
    def address(self) -> str | None:
        """The page's address."""
        return self.url


def _open(configuration: StatuspageConfiguration, context: SourceContext) -> LiveSource:
    from precedent.sources.kinds.statuspage.source import StatuspageSource

    return StatuspageSource(configuration.url, options=context.http)


KIND = SourceKind(
    name="statuspage",
    title="Incidents of a public status page",
    configuration=StatuspageConfiguration,
    open=_open,
    shapes=(INCIDENT,),
    sweeps=True,
)
