"""Whether something may have changed in a repository, at the price of three conditional requests."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from precedent.errors import ActionRequired
from precedent.http.client import HttpClient
from precedent.sources.kinds.github.repository_api import Repository
from precedent.sources.lists import Part, newest_part
from precedent.sources.shapes.cleaning import canonical
from precedent.sources.source import Probe

LATEST: Final[dict[str, Any]] = {"sort": "updated", "direction": "desc", "per_page": 1}
ISSUE: Final[tuple[str, dict[str, Any]]] = ("issues", {"state": "all", **LATEST})
# A comment that is edited, a release and a deployment leave the newest issue and the last push as they were.
IN_TURN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "release": ("releases", {"per_page": 1}),
    "deployment": ("deployments", {"per_page": 1}),
    "comment": ("issues/comments", LATEST),
    "review_comment": ("pulls/comments", LATEST),
}


@dataclass(frozen=True, slots=True)
class RepositoryProbe:
    """What a probe found out: the probe itself, the repository's name now, its default branch and its number."""

    probe: Probe
    name: str
    branch: str
    number: int


def probed(client: HttpClient, repository: str, before: Probe | None) -> RepositoryProbe:
    """Ask for the repository, its newest issue and one of the other lists in turn; the first time for all of them.

    Every later probe costs three requests, and the lists that are not asked for keep their part of the token: a change
    in one of them is seen after four probes at the latest.
    """
    former = before.validators if before is not None else {}
    parts: dict[str, Part] = dict(former.get("parts") or {})
    turn = int(former.get("turn") or 0)
    parts["repository"] = _repository(client, repository, parts.get("repository"))
    described = parts["repository"]["value"]
    name = str(described["name"])
    asked = Repository(client, name)
    parts["issue"] = _newest(asked, *ISSUE, parts.get("issue"))
    due = list(IN_TURN)[turn % len(IN_TURN)]
    for part, (path, parameters) in IN_TURN.items():
        if part == due or part not in parts:
            parts[part] = _newest(asked, path, parameters, parts.get(part))
    values = {part: parts[part]["value"] for part in ("repository", "issue", *IN_TURN)}
    token = hashlib.sha256(canonical(values)).hexdigest()
    probe = Probe(token, {"parts": parts, "turn": (turn + 1) % len(IN_TURN)}, name)
    return RepositoryProbe(probe, name, str(described["branch"]), int(described["id"]))


def _repository(client: HttpClient, name: str, before: Part | None) -> Part:
    etag = before["etag"] if before else None
    reply = client.get(f"/repos/{name}", etag=etag, what=f"repository {name}")
    if reply.unchanged and before:
        return before
    data = reply.data
    expected = {"id": int, "full_name": str, "default_branch": str}
    if not all(isinstance(data.get(key), form) for key, form in expected.items()):
        raise ActionRequired("other_shape", f"{client.name} describes {name} in an unknown form: check the base URL.")
    value = {
        "id": data["id"],
        "name": data["full_name"],
        "branch": data["default_branch"],
        "pushed": data.get("pushed_at"),
    }
    return {"etag": reply.headers.get("etag"), "value": value}


def _newest(repository: Repository, path: str, parameters: dict[str, Any], before: Part | None) -> Part:
    return newest_part(
        lambda etag: repository.get(path, parameters, etag=etag),
        before,
        lambda newest: [newest.get("id"), newest.get("updated_at") or newest.get("published_at")],
    )
