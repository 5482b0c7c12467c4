"""The kind `archive`: a folder or file of exported records."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from precedent.sources.kind import SourceConfiguration, SourceContext, SourceKind
from precedent.sources.kinds.archive.mapping import MAPPED, FieldMapping
from precedent.sources.options import Place
from precedent.sources.source import FileSource


class ArchiveConfiguration(SourceConfiguration):
    """Files of records."""

    path: Annotated[str, Place.PATH] = Field(min_length=1, description="A folder, or a file of records.")
    mapping: FieldMapping | None = Field(default=None, description="What the fields of unknown records mean.")

    @property
    def live(self) -> bool:
        """False: files."""
        return False


def _open(configuration: ArchiveConfiguration, context: SourceContext) -> FileSource:
    from precedent.sources.kinds.archive.source import ArchiveSource

    return ArchiveSource(Path(configuration.path), configuration.mapping, context.max_body_bytes)


KIND = SourceKind(
    name="archive",
    title="Files of exported records",
    configuration=ArchiveConfiguration,
    open=_open,
    shapes=(MAPPED,),
)
