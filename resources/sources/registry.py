"""Source kinds by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resources.errors import UsageError
from resources.settings import Settings
from resources.sources.archive import ArchiveSource
from resources.sources.git import GitSource
from resources.sources.mapping import FieldMapping
from resources.sources.records import Source

KINDS = ("archive", "git")


def source_from_configuration(kind: str, configuration: Mapping[str, Any]) -> Source:
    """Open a source as it was configured.

    Raises:
        UsageError: an unknown kind or a configuration that does not fit it.
        SourceError: there is nothing to read.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no source kind {kind!r}: choose from {', '.join(KINDS)}.")
    path = configuration.get("path")
    if not isinstance(path, str) or not path:
        raise UsageError(f"A source of kind {kind} needs a path.")
    if kind == "git":
        return GitSource(Path(path), configuration.get("branch"))
    mapping = configuration.get("mapping")
    return ArchiveSource(
        Path(path),
        FieldMapping.from_configuration(mapping) if mapping else None,
        Settings.from_environment().max_body_bytes,
    )
