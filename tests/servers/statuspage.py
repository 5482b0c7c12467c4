"""A loopback status page: the newest incidents, with ETags, as a public Statuspage serves them."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from precedent.testing.loopback import LoopbackServer, Request, Response

LISTED = 50


class StatuspageServer(LoopbackServer):
    """Serves `/api/v2/incidents.json` and `/api/v2/summary.json` of one page.

    Attributes:
        page: What the page says of itself.
        incidents: All that it has, in any order; the newest 50 are listed.
    """

    def __init__(self, incidents: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__()
        self.page = {"id": "kctbh9vrtdwd", "name": "Acme", "url": self.url, "time_zone": "Etc/UTC"}
        self.incidents = list(incidents)

    def listed(self) -> list[dict[str, Any]]:
        """The newest, newest first."""
        return sorted(self.incidents, key=lambda incident: str(incident["created_at"]), reverse=True)[:LISTED]

    def answer(self, asked: Request) -> Response:
        if asked.path == "/api/v2/incidents.json":
            return self._tagged(asked, {"page": self.page, "incidents": self.listed()})
        if asked.path == "/api/v2/summary.json":
            unresolved = [incident for incident in self.listed() if incident["status"] != "resolved"]
            return self._tagged(asked, {"page": self.page, "components": [], "incidents": unresolved})
        return Response({"error": "not found"}, 404)

    def _tagged(self, asked: Request, data: dict[str, Any]) -> Response:
        etag = f'W/"{hashlib.md5(orjson.dumps(data), usedforsecurity=False).hexdigest()}"'
        if asked.headers.get("if-none-match") == etag:
            return Response(status=304, headers={"ETag": etag})
        return Response(data, headers={"ETag": etag})
