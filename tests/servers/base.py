"""A loopback server that records what it is asked and can be told to misbehave."""

import gzip
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: `query` holds the last value of each parameter, header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Response:
    """An answer; `data` is sent as JSON unless it is bytes."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def body(self) -> bytes:
        if self.data is None:
            return b""
        return self.data if isinstance(self.data, bytes) else orjson.dumps(self.data)


@dataclass(slots=True)
class Fault:
    """What happens instead of an answer, `times` times, to requests that `only` is true of.

    `kind` is one of: `status` (sends `response`), `cut` (half of the true body, then the end), `html` (a web page with
    status 200), `reset` (the connection is closed hard), `slow` (silence for `seconds`), `change` (calls `act`, then
    answers as ever: something changes between two pages).
    """

    kind: str
    times: int = 1
    only: Callable[[Asked], bool] = lambda _: True
    response: Response | None = None
    seconds: float = 30.0
    act: Callable[[], None] | None = None


class RecordsServer:
    """An HTTP server on 127.0.0.1; a subclass answers in `answer`. Use it as a context manager.

    Attributes:
        url: Where it listens, without a path.
        asked: Every request, in order.
        faults: What goes wrong next; the first that applies is taken.
        before: Called before each request is answered; tests kill or change things here.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Asked], None] = lambda _: None
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name=type(self).__name__
        )

    def answer(self, asked: Asked) -> Response:
        """What a well server says; called under `lock`."""
        raise NotImplementedError

    def dated(self) -> datetime:
        """The moment that answers carry as their Date; a server with a clock of its own says another."""
        return datetime.now(UTC)

    def fail(self, kind: str, *, times: int = 1, **options: Any) -> None:
        """Let the next requests fail; see `Fault`."""
        self.faults.append(Fault(kind, times, **options))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def fault_for(self, asked: Asked) -> Fault | None:
        """The fault that this request meets, used up by one."""
        for fault in self.faults:
            if fault.times > 0 and fault.only(asked):
                fault.times -= 1
                return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: RecordsServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.owner.dated().timestamp() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are recorded, not printed."""

    def _serve(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, query, headers, body)
        owner.before(asked)
        with owner.lock:
            owner.asked.append(asked)
            fault = owner.fault_for(asked)
            if fault is not None and fault.act is not None:
                fault.act()
            response = owner.answer(asked) if fault is None or fault.kind in {"cut", "change"} else Response()
        self._deliver(fault, response)

    def _deliver(self, fault: Fault | None, response: Response) -> None:
        kind = fault.kind if fault else "change"
        if fault is not None and kind == "status":
            self._send(fault.response or Response({"message": "Server Error"}, 500))
        elif kind == "html":
            self._send(Response(b"<!DOCTYPE html><html><body>Please sign in</body></html>", content_type="text/html"))
        elif kind == "reset":
            self._reset()
        elif fault is not None and kind == "slow":
            self.server.owner.closing.wait(fault.seconds)
            self._reset()
        else:
            self._send(response, half=kind == "cut")

    def _send(self, response: Response, *, half: bool = False) -> None:
        content = response.body()
        compressed = len(content) > 1_000 and "gzip" in self.headers.get("accept-encoding", "") and not half
        if compressed:
            content = gzip.compress(content, 1)
        self.send_response(response.status)
        headers: Mapping[str, str] = response.headers
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status != 304:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(content)))
            if compressed:
                self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if response.status != 304:
            self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
