"""Qdrant's REST interface on loopback, over the client's own engine.

It is stricter than a server need be: no point before the tenant's index, no filter by a field without one, no search of
a collection without a common graph that names no tenant. It can fail on demand, and repeats the key where it does.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from qdrant_client import QdrantClient, models

from precedent.testing.loopback import Delivery, LoopbackServer, Request, Response

VERSION = "1.15.4"


@dataclass
class Fault:
    """What happens to the next `times` requests whose `METHOD /path` contains `match`, after `skip` of them."""

    match: str
    status: int = 503
    times: int = 1
    skip: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    body: Any
    key: str | None


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class QdrantWire(LoopbackServer):
    def __init__(self, key: str | None = None, *, forgetful: bool = False) -> None:
        """With `forgetful` it ignores the filter of every search, as a broken proxy might."""
        super().__init__()
        self.key = key
        self.forgetful = forgetful
        self.engine = QdrantClient(":memory:")
        self.indexes: dict[str, dict[str, Any]] = {}
        self.layouts: dict[str, models.CreateCollection] = {}
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []

    def calls(self, match: str) -> list[Seen]:
        return [call for call in self.seen if match in f"{call.method} {call.path}"]

    def serve(self, request: Request) -> Response:
        key = request.headers.get("api-key")
        query = f"?{urlencode(request.query)}" if request.query else ""
        with self.lock:
            self.seen.append(Seen(request.method, request.path + query, request.json, key))
            fault = self._fault(f"{request.method} {request.path}")
        if fault is not None:
            time.sleep(fault.delay_s)
            if fault.cut:
                return Response(delivery=Delivery.RESET)
        if fault is not None and fault.status:
            answer = {"status": {"error": f"no, says the server to {key}"}, "time": 0.0}
            return Response(answer, fault.status, fault.headers)
        if self.key is not None and request.path != "/" and key != self.key:
            return Response({"status": {"error": f"Invalid API key {key}"}, "time": 0.0}, 401)
        status, answer = self._answer(request.method, request.path, request.json)
        return Response(json.dumps(answer).encode(), status)

    def _fault(self, call: str) -> Fault | None:
        for fault in self.faults:
            if fault.match in call and fault.times:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        if path == "/":
            return 200, {"title": "qdrant - vector search engine", "version": VERSION}
        try:
            with self.lock:
                result = self._route(method, path.strip("/").split("/"), body)
        except Refused as error:
            return error.status, {"status": {"error": str(error)}, "time": 0.0}
        except ValueError as error:
            status = 404 if "not found" in str(error) else 400
            return status, {"status": {"error": str(error)}, "time": 0.0}
        if hasattr(result, "model_dump"):
            result = result.model_dump(mode="json", exclude_none=True)
        return 200, {"result": result, "status": "ok", "time": 0.0}

    def _route(self, method: str, parts: list[str], body: Any) -> Any:
        match (method, *parts):
            case ("GET", "collections"):
                return self.engine.get_collections()
            case ("GET", "aliases"):
                return self.engine.get_aliases()
            case ("POST", "collections", "aliases"):
                operations = models.ChangeAliasesOperation.model_validate(body).actions
                return self.engine.update_collection_aliases(operations)
            case ("GET", "collections", name):
                info = self.engine.get_collection(name).model_dump(mode="json", exclude_none=True)
                fields = self.indexes[name].items()
                return {**info, "payload_schema": {key: {"data_type": kind, "points": 0} for key, kind in fields}}
            case ("PUT", "collections", name):
                if name in self.layouts:
                    raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
                self.layouts[name] = layout = models.CreateCollection.model_validate(body)
                self.indexes[name] = {}
                return self.engine.create_collection(name, vectors_config=layout.vectors)
            case ("DELETE", "collections", name):
                self.layouts.pop(name, None)
                return self.engine.delete_collection(name)
            case ("PUT", "collections", name, "index"):
                self.indexes[name][body["field_name"]] = body["field_schema"]["type"]
                return {"operation_id": 1, "status": "completed"}
            case (_, "collections", name, "points", *rest):
                return self._points(name, rest[0] if rest else "upsert", body)
        raise Refused(404, f"there is no {method} {'/'.join(parts)}")

    def _points(self, name: str, what: str, body: Any) -> Any:
        target = next(
            (item.collection_name for item in self.engine.get_aliases().aliases if item.alias_name == name), name
        )
        if target not in self.layouts:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        if what == "upsert":
            if set(self.indexes[target]) != {"tenant", "space"}:
                raise Refused(400, "points before the indexes")
            one_by_one = "points" in body
            written = models.PointsList.model_validate(body).points if one_by_one else models.PointsBatch(**body).batch
            self.engine.upsert(target, points=written)
            return {"operation_id": 1, "status": "completed"}
        self._check_filter(target, body.get("filter"))
        return self._asked(target, what, body)

    def _asked(self, name: str, what: str, body: Any) -> Any:
        own = models.Filter.model_validate(body["filter"])
        if what == "query":
            return self.engine.query_points(
                name,
                query=body["query"]["nearest"],
                query_filter=None if self.forgetful else own,
                limit=body["limit"],
                with_payload=body["with_payload"],
            )
        if what == "count":
            return self.engine.count(name, count_filter=own, exact=body["exact"])
        if what == "scroll":
            points, offset = self.engine.scroll(
                name,
                scroll_filter=own,
                limit=body["limit"],
                offset=body.get("offset"),
                with_payload=body["with_payload"],
                with_vectors=body.get("with_vector", False),
            )
            return {"points": [point.model_dump(mode="json") for point in points], "next_page_offset": offset}
        if what == "delete":
            self.engine.delete(name, points_selector=models.FilterSelector(filter=own))
            return {"operation_id": 1, "status": "completed"}
        raise Refused(404, f"there is no {what}")

    def _check_filter(self, name: str, found: Any) -> None:
        keys = {item["key"] for item in (found or {}).get("must", []) if "key" in item}
        if "tenant" not in keys:
            raise Refused(400, "a request names no tenant")
        if keys - set(self.indexes[name]):
            raise Refused(400, f"filter by {keys} without an index")


def waiting(condition: Callable[[], bool], seconds: float = 30) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()
