"""What a search cuts off: comments, history and the names of custom fields."""

import difflib
from typing import Any
from urllib.parse import quote

from precedent.errors import ActionRequired
from precedent.http.client import HttpClient
from precedent.sources.kinds.jira.search import Deployment

CUSTOM = "customfield_"
PAGE = 100
# Cloud's search gives at most this many entries of the history, and has been seen to call that the total.
CLOUD_HISTORIES = 40


class Completion:
    """Makes an issue as a search gave it complete.

    All comments and the whole history are in it. Of the custom fields only those that are configured and not null
    are kept, and none where none are configured, so that a payload does not change with every rank or sprint;
    `names` says what they are called, as Jira itself would. Standard fields all stay.

    Args:
        client: Sends the requests.
        deployment: Which interface.
        fields: The custom fields to keep, by name.
    """

    def __init__(self, client: HttpClient, deployment: Deployment, fields: tuple[str, ...]) -> None:
        self._client = client
        self._deployment = deployment
        self._wanted = fields
        self._names: dict[str, str] | None = None

    @property
    def names(self) -> dict[str, str]:
        """Ids of the configured custom fields and what they are called; asked for once.

        Raises:
            ActionRequired: a name that this Jira does not know.
        """
        if self._names is None:
            self._names = self._looked_up() if self._wanted else {}
        return self._names

    def payload(self, issue: dict[str, Any]) -> dict[str, Any]:
        """The whole issue; the one that was given stays as it was.

        Raises:
            NotThere: the issue has gone since it was found.
        """
        fields = issue.get("fields")
        if not isinstance(fields, dict) or not isinstance(issue.get("key"), str):
            return issue
        kept = {
            name: value
            for name, value in fields.items()
            if not name.startswith(CUSTOM) or (name in self.names and value is not None)
        }
        payload = issue | {"fields": kept}
        named = {name: self.names[name] for name in kept if name in self.names}
        if named:
            payload["names"] = named
        address = f"{self._deployment.api}/issue/{quote(issue['key'], safe='', errors='replace')}"
        if (comment := _cut(kept.get("comment"), "comments")) is not None:
            kept["comment"] = comment | {"comments": self._all(f"{address}/comment", "comments")}
        if (changelog := self._cut_history(issue.get("changelog"))) is not None:
            payload["changelog"] = changelog | {"histories": self._all(f"{address}/changelog", "values")}
        return payload

    def _cut_history(self, changelog: object) -> dict[str, Any] | None:
        if self._deployment is not Deployment.CLOUD or not isinstance(changelog, dict):
            return None
        histories = changelog.get("histories")
        if isinstance(histories, list) and len(histories) >= CLOUD_HISTORIES:
            return changelog
        return _cut(changelog, "histories")

    def _all(self, path: str, member: str) -> list[Any]:
        """Every item of a list by its pages; one that moved between two pages counts once."""
        found: dict[str, Any] = {}
        first = 0
        while True:
            parameters = {"startAt": first, "maxResults": PAGE}
            data = self._client.get(path, parameters, what=f"the {path.rpartition('/')[2]} of an issue").data
            items = data.get(member)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise ActionRequired("other_shape", f"{self._client.name} answers {path} in an unknown form.")
            found |= {str(item.get("id", (first, position))): item for position, item in enumerate(items)}
            first += len(items)
            total = data.get("total")
            if not items or not isinstance(total, int) or first >= total:
                return list(found.values())

    def _looked_up(self) -> dict[str, str]:
        listed = self._client.get(f"{self._deployment.api}/field", expect=list, what="fields").data
        known = {
            item["id"]: item["name"]
            for item in listed
            if isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("name"), str)
        }
        names: dict[str, str] = {}
        for wanted in self._wanted:
            same = {id_: name for id_, name in known.items() if name.casefold() == wanted.strip().casefold()}
            if not same:
                raise self._unknown(wanted, known)
            names |= {id_: name for id_, name in same.items() if id_.startswith(CUSTOM)}
        return names

    def _unknown(self, wanted: str, known: dict[str, str]) -> ActionRequired:
        custom = {name.casefold(): name for id_, name in known.items() if id_.startswith(CUSTOM)}
        similar = [custom[name] for name in difflib.get_close_matches(wanted.casefold(), custom, n=3, cutoff=0.5)]
        hint = f"similar ones are {', '.join(similar)}" if similar else "give its name as Jira's list of fields has it"
        return ActionRequired("unknown_field", f"{self._client.name} has no custom field {wanted!r}: {hint}.")


def _cut(listing: object, member: str) -> dict[str, Any] | None:
    """A list within an issue that says that there is more than it holds; None where it is whole."""
    if not isinstance(listing, dict) or not isinstance(listing.get(member), list):
        return None
    total = listing.get("total", listing.get("maxResults"))
    return listing if isinstance(total, int) and total > len(listing[member]) else None
