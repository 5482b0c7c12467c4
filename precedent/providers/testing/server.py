"""A provider on loopback: real HTTP, answered by a wire, with faults on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from precedent.providers.testing.behaviour import Behaviour, Reply, Responder, Step
from precedent.testing import loopback
from precedent.testing.loopback import WEB_PAGE, Delivery, Request, Response

__all__ = ["Behaviour", "LoopbackServer", "Reply", "Request", "Step"]

BROKEN_BODIES = {
    Behaviour.NOT_JSON: WEB_PAGE,
    Behaviour.OTHER_SHAPE: Response({"unexpected": True}),
    Behaviour.EMPTY_BODY: Response(),
}


class LoopbackServer(loopback.LoopbackServer):
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
        super().__init__()
        self.wire = wire
        self._default = Step() if answer is None else Step(answer=answer)
        self._steps = [self._default]

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
        with self.lock:
            self._steps = [
                step if isinstance(step, Step) else replace(self._default, behaviour=step) for step in steps
            ] or [self._default]
            self.requests.clear()

    def serve(self, request: Request) -> Response:
        """The wire's answer, or what the next step does instead."""
        step = self._next_step(request)
        match step.behaviour:
            case Behaviour.SLOW:
                return Response(delivery=Delivery.SLOW)
            case Behaviour.RESET:
                return Response(delivery=Delivery.RESET)
            case Behaviour.BROKEN | Behaviour.DRIP as how:
                whole = self.wire.respond(request, replace(step, behaviour=Behaviour.OK))
                return replace(_response(whole), delivery=Delivery.CUT if how is Behaviour.BROKEN else Delivery.DRIP)
            case behaviour if behaviour in BROKEN_BODIES:
                return BROKEN_BODIES[behaviour]
            case _:
                return _response(self.wire.respond(request, step), step.headers)

    def _next_step(self, request: Request) -> Step:
        with self.lock:
            if self.wire.untouched(request):
                return self._default
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


def _response(reply: Reply, headers: Mapping[str, str] | None = None) -> Response:
    return Response(reply.encoded(), reply.status, {**reply.headers, **(headers or {})}, reply.content_type)
