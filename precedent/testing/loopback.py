"""An HTTP server on loopback for tests: it records what it is asked and misbehaves when it is told to."""

import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

import orjson

LONGEST_SILENCE_S = 30.0
WORTH_COMPRESSING = 1_000


@dataclass(frozen=True)
class Request:
    """A request: `query` holds the last value of each parameter, header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def json(self) -> Any:
        """The body as JSON, or None where it is not JSON."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None


class Delivery(StrEnum):
    """How an answer arrives.

    CUT is half of it and then the end, RESET a connection that is closed hard, SLOW silence for `seconds` and then
    a reset, DRIP a byte each tenth of a second, BOMB gzip of `size` zero bytes.
    """

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"
    SLOW = "slow"
    DRIP = "drip"
    BOMB = "bomb"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; `data` is sent as JSON unless it is bytes. Bodies are compressed where the client accepts it."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    delivery: Delivery = Delivery.WHOLE
    seconds: float = LONGEST_SILENCE_S
    size: int = 0

    def body(self) -> bytes:
        """The bytes to send, not compressed."""
        if self.data is None:
            return b""
        return self.data if isinstance(self.data, bytes) else orjson.dumps(self.data)


WEB_PAGE = Response(b"<!DOCTYPE html><html><body>Please sign in</body></html>", content_type="text/html")


@dataclass(slots=True)
class Fault:
    """What happens instead of an answer, `times` times, to the requests that `only` is true of.

    `kind` is a `Delivery` other than WHOLE, or one of: `status` (sends `response`), `html` (a web page with status
    200), `change` (calls `act` and then answers: something changes between two pages), `lie` (sends what `told` makes
    of the true answer). CUT and DRIP send the true answer.
    """

    kind: str
    times: int = 1
    only: Callable[[Request], bool] = lambda _: True
    response: Response | None = None
    seconds: float = LONGEST_SILENCE_S
    size: int = 0
    act: Callable[[], None] | None = None
    told: Callable[[Response], Response] | None = None


class LoopbackServer:
    """An HTTP server on 127.0.0.1, used as a context manager. A subclass answers in `answer`, or in `serve` instead.

    Attributes:
        port: Where the next one listens; 0 is any port that is free.
        url: Where it listens, without a path.
        requests: Every request, in order.
        faults: What goes wrong next; the first that applies is taken.
        before: Called before each request is answered; tests kill processes or change data here.
        lock: Held while `answer` runs; take it to change what the server holds.
    """

    port: ClassVar[int] = 0

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Request], None] = lambda _: None
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name=type(self).__name__
        )

    def answer(self, request: Request) -> Response:
        """What the server says when nothing is wrong; called under `lock`."""
        raise NotImplementedError

    def dated(self) -> datetime:
        """The moment that answers carry as their Date; a server with a clock of its own says another."""
        return datetime.now(UTC)

    def fail(self, kind: str, *, times: int = 1, **options: Any) -> None:
        """Let the next requests fail; see `Fault`."""
        self.faults.append(Fault(kind, times, **options))

    def serve(self, request: Request) -> Response:
        """The answer to a request and how it arrives: `answer`, unless a fault applies."""
        with self.lock:
            fault = self._fault_for(request)
            if fault is None:
                return self.answer(request)
            if fault.act is not None:
                fault.act()
            if fault.kind == "status":
                return fault.response or Response({"message": "Server Error"}, 500)
            if fault.kind == "html":
                return WEB_PAGE
            if fault.kind == "change":
                return self.answer(request)
            if fault.kind == "lie" and fault.told is not None:
                return fault.told(self.answer(request))
            delivery = Delivery(fault.kind)
            true = self.answer(request) if delivery in {Delivery.CUT, Delivery.DRIP} else Response()
            return replace(true, delivery=delivery, seconds=fault.seconds, size=fault.size)

    def _fault_for(self, request: Request) -> Fault | None:
        """The fault that this request meets, used up by one."""
        for fault in self.faults:
            if fault.times > 0 and fault.only(request):
                fault.times -= 1
                return fault
        return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, also in the middle of slow answers."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: LoopbackServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: some tests are about clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
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
        request = Request(self.command, parts.path, query, headers, body)
        owner.before(request)
        with owner.lock:
            owner.requests.append(request)
        self._deliver(owner.serve(request))

    def _deliver(self, response: Response) -> None:
        if response.delivery is Delivery.SLOW:
            self.server.owner.closing.wait(response.seconds)
        if response.delivery in {Delivery.SLOW, Delivery.RESET}:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        content = zeros(response.size) if response.delivery is Delivery.BOMB else response.body()
        compressed = response.delivery is Delivery.BOMB
        if response.delivery is Delivery.WHOLE and len(content) > WORTH_COMPRESSING and self._accepts_gzip():
            content, compressed = gzip.compress(content, 1), True
        self._send_head(response, len(content), compressed=compressed)
        if response.status != 304:
            self._send_body(content, response.delivery)

    def _accepts_gzip(self) -> bool:
        return "gzip" in self.headers.get("accept-encoding", "")

    def _send_head(self, response: Response, length: int, *, compressed: bool) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 304:
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(length))
            if compressed:
                self.send_header("Content-Encoding", "gzip")
        self.end_headers()

    def _send_body(self, content: bytes, delivery: Delivery) -> None:
        if delivery is Delivery.CUT:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif delivery is Delivery.DRIP:
            for position in range(len(content)):
                if self.server.owner.closing.wait(0.1):
                    return
                self.wfile.write(content[position : position + 1])
        else:
            self.wfile.write(content)


@lru_cache(maxsize=4)
def zeros(size: int) -> bytes:
    """That many zero bytes as gzip, made without holding them."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(min(1 << 20, size - start))) for start in range(0, size, 1 << 20)]
    return b"".join([*parts, packer.flush()])
