"""Search in both interfaces: by position (Server, Data Center) or by token (Cloud)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from precedent.errors import ActionRequired
from precedent.http.client import HttpClient

Place = int | str
# A server that sends page after page without an issue, each with a new token, does not come to an end.
EMPTY_PAGES = 20


class Deployment(StrEnum):
    """Which of the two interfaces a Jira has; Data Center has Server's."""

    CLOUD = "cloud"
    SERVER = "server"

    @property
    def api(self) -> str:
        """Where the interface is: Cloud's version 3 writes documents, version 2 writes wiki markup."""
        return "/rest/api/3" if self is Deployment.CLOUD else "/rest/api/2"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search; `after` is where the next one begins, None at the end. Cloud gives no `total`."""

    issues: tuple[dict[str, Any], ...]
    after: Place | None
    total: int | None = None


def search(
    client: HttpClient,
    deployment: Deployment,
    jql: str,
    place: Place | None = None,
    *,
    fields: str,
    size: int,
    changelog: bool = False,
) -> Found:
    """One page of the issues that meet a query.

    Args:
        client: Sends the request.
        deployment: Which interface.
        jql: The query.
        place: Where to begin: a position or a token; None: at the start.
        fields: Which fields, as the interface names them; Cloud gives none that are not asked for.
        size: The most issues to give; servers may give fewer.
        changelog: True to ask for the history too.
    """
    parameters: dict[str, Any] = {"jql": jql, "fields": fields, "maxResults": size}
    if changelog:
        parameters["expand"] = "changelog"
    if deployment is Deployment.CLOUD:
        if place is not None:
            parameters["nextPageToken"] = place
        data = client.get(f"{deployment.api}/search/jql", parameters, what="issues").data
        return _by_token(client.name, data, place)
    first = place if isinstance(place, int) else 0
    data = client.get(f"{deployment.api}/search", parameters | {"startAt": first}, what="issues").data
    return _by_position(client.name, data, first)


def _by_token(name: str, data: dict[str, Any], place: Place | None) -> Found:
    issues = _issues(name, data)
    token = data.get("nextPageToken")
    if data.get("isLast") is True or not isinstance(token, str) or not token:
        return Found(issues, None)
    if token == place:
        raise link_loop(name)
    return Found(issues, token)


def _by_position(name: str, data: dict[str, Any], first: int) -> Found:
    issues = _issues(name, data)
    total = data.get("total")
    if not isinstance(total, int):
        raise ActionRequired("other_shape", f"{name} does not say how many issues there are: check the base URL.")
    after = first + len(issues)
    return Found(issues, after if issues and after < total else None, total)


def _issues(name: str, data: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    issues = data.get("issues")
    if not isinstance(issues, list) or not all(isinstance(issue, dict) for issue in issues):
        raise ActionRequired("other_shape", f"{name} answers a search without a list of issues: check the base URL.")
    return tuple(issues)


def link_loop(name: str) -> ActionRequired:
    """The fault of a server whose pages lead back to themselves."""
    return ActionRequired(
        "link_loop", f"{name} leads from one page of issues to the same again: try later, or a smaller page size."
    )
