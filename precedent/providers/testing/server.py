"""A provider on loopback: real HTTP, answered by a wire, with faults on demand."""

import json
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from precedent.providers.testing.behaviour import Behaviour, Reply, Request, Responder, Step

__all__ = ["Behaviour", "LoopbackServer", "Reply", "Request", "Step"]

SLOWNESS_S = 30.0


class LoopbackServer:
    """An HTTP server on 127.0.0.1 that hands each request to a wire; use it as a context manager.

    Args:
        wire: What answers.
        answer: What the model writes, as a JSON object; the contract's own answer by default.

    Attributes:
        url: Where it listens, without a path.
        requests: What came, in order.
        wire: What answers.
    """

    def __init__(self, wire: Responder, answer: Mapping[str, Any] | None = None) -> None:
        self.wire = wire
        self.requests: list[Request] = []
        self._default = Step() if answer is None else Step(answer=answer)
        self._steps = [self._default]
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True, name="loopback-provider"
        )

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

    @property
    def calls(self) -> list[Request]:
        """The requests that behaviours apply to."""
        return [request for request in self.requests if not self.wire.untouched(request)]

    def behave(self, behaviour: Behaviour = Behaviour.OK, **options: Any) -> None:
        """Set what every following request gets, and forget the requests before.

        Args:
            behaviour: What happens.
            **options: Fields of `Step`.
        """
        self.script([replace(self._default, behaviour=behaviour, **options)])

    def script(self, steps: Sequence[Step | Behaviour]) -> None:
        """Set what the following requests get, one step each; the last one stays. Forgets the requests before."""
        with self._lock:
            self._steps = [
                step if isinstance(step, Step) else replace(self._default, behaviour=step) for step in steps
            ] or [self._default]
            self.requests.clear()

    def next_step(self, request: Request) -> Step:
        """Record a request and say what happens to it."""
        with self._lock:
            self.requests.append(request)
            if self.wire.untouched(request):
                return self._default
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: LoopbackServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what SLOW asks for, not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = SLOWNESS_S
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are recorded, not printed."""

    def _answer(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, _parsed(body))
        step = owner.next_step(request)
        behaviour = step.behaviour
        if behaviour is Behaviour.SLOW:
            owner.closing.wait(SLOWNESS_S)
            self._reset()
        elif behaviour is Behaviour.RESET:
            self._reset()
        elif behaviour is Behaviour.BROKEN:
            self._send(owner.wire.respond(request, replace(step, behaviour=Behaviour.OK)), half=True)
        elif behaviour is Behaviour.NOT_JSON:
            self._send(Reply("<html><body>It works!</body></html>", content_type="text/html"))
        elif behaviour is Behaviour.OTHER_SHAPE:
            self._send(Reply({"unexpected": True}))
        elif behaviour is Behaviour.EMPTY_BODY:
            self._send(Reply(""))
        else:
            self._send(owner.wire.respond(request, step), extra=step.headers)

    def _send(self, reply: Reply, *, extra: Any = None, half: bool = False) -> None:
        content = reply.encoded()
        self.send_response(reply.status)
        for name, value in {**reply.headers, **(extra or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self.close_connection = True

    def _reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
