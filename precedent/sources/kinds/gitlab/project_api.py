"""Asking one project of a GitLab: paths below it, lists by their links, records of what comes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from precedent.http.answers import Reply
from precedent.http.client import HttpClient
from precedent.sources.kinds.gitlab.shapes import GitLabShape
from precedent.sources.lists import check_link, linked_pages
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.guard import guarded

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Project:
    """A project by its number, which stays when it is renamed; `name` is its path now, `branch` its default branch."""

    client: HttpClient
    number: int
    name: str
    branch: str

    def get(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, expect: type = list, etag: str | None = None
    ) -> Reply:
        """The answer to a path below the project, or to a whole URL; a refusal concerns the stream alone."""
        url = path if "://" in path else f"/projects/{self.number}/{path}"
        what = f"{path.partition('?')[0]} of {self.name}"
        return self.client.get(url, parameters, expect=expect, etag=etag, what=what, whole=False)

    def pages(self, path: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Reply]:
        """Every page of a list, by its links.

        Raises:
            ActionRequired: the links lead in a circle.
        """
        first = self.get(path, {"per_page": PER_PAGE, **(parameters or {})})
        yield from linked_pages(first, self.get, server=self.client.name, listed=f"a list of {self.name}")

    def check_loop(self, link: str, visited: set[str]) -> None:
        """As `lists.check_link`, for a list of this project.

        Raises:
            ActionRequired: the link has been followed before.
        """
        check_link(link, visited, server=self.client.name, listed=f"a list of {self.name}")

    def record(self, payload: object, shape: GitLabShape, stream: str, place: int) -> RawRecord | RejectedRecord:
        """The record of an object of a list, or why it has none; `place` counts from 1."""
        return guarded(lambda item: shape.record(item, self.name), payload, stream, place)


def written(at: datetime) -> str:
    """A moment as GitLab writes it: ISO 8601 in UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
