"""Asking one repository: paths below it, lists by their links, records of what comes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from precedent.http.answers import Reply
from precedent.http.client import HttpClient
from precedent.sources.kinds.github.shapes import GitHubShape
from precedent.sources.lists import check_link, linked_pages
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.guard import guarded

PER_PAGE = 100


@dataclass(slots=True)
class Repository:
    """A repository as it is called now, and its requests; `name` is `owner/name` and changes with a rename."""

    client: HttpClient
    name: str

    def get(
        self,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        expect: type = list,
        etag: str | None = None,
        what: str = "",
    ) -> Reply:
        """The answer to a path below the repository, or to a whole URL; a refusal concerns the stream alone.

        Args:
            path: The path or URL.
            parameters: Of the query.
            expect: The type that the JSON of an answer must have.
            etag: Of the answer that is known; if nothing has changed, the reply says so without data.
            what: What is asked for, in the words of a message; by default the path.

        Raises:
            SourceFault: as `HttpClient.get`.
        """
        url = path if "://" in path else f"/repos/{self.name}/{path}".rstrip("/")
        named = f"{what or path} of {self.name}"
        return self.client.get(url, parameters, expect=expect, etag=etag, what=named, whole=False)

    def pages(self, path: str, parameters: Mapping[str, Any] | None = None, *, what: str = "") -> Iterator[Reply]:
        """Every page of a list, by its links.

        Raises:
            ActionRequired: the links lead in a circle.
        """
        what = what or path
        first = self.get(path, {"per_page": PER_PAGE, **(parameters or {})}, what=what)
        yield from linked_pages(
            first, partial(self.get, what=what), server=self.client.name, listed=f"the {what} of {self.name}"
        )

    def check_loop(self, link: str, visited: set[str], what: str) -> None:
        """As `lists.check_link`, for a list of this repository.

        Raises:
            ActionRequired: the link has been followed before.
        """
        check_link(link, visited, server=self.client.name, listed=f"the {what} of {self.name}")

    def record(self, payload: object, shape: GitHubShape, stream: str, ordinal: int) -> RawRecord | RejectedRecord:
        """The record of an object of a list, or why it has none; `ordinal` is its place, from 1."""
        return guarded(lambda item: shape.record(item, self.name), payload, stream, ordinal)


def written(at: datetime) -> str:
    """A moment as GitHub writes it: ISO 8601 in UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
