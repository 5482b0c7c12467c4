"""On whose behalf this thread of work changes rows: every transaction says it, and the audit log keeps it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something.

    Attributes:
        kind: `member`, `token`, `command` (a person at a terminal) or `system`.
        name: Which one: a member's or token's name, a user of the operating system.
        address: Where the request came from, or None.
        request: The request's id, or None.
    """

    kind: str
    name: str
    address: str | None = None
    request: str | None = None

    def as_setting(self) -> str:
        """The actor as `precedent.actor` holds it for a transaction."""
        return orjson.dumps(asdict(self)).decode()


SYSTEM = Actor("system", "precedent")
_current: ContextVar[Actor] = ContextVar("actor", default=SYSTEM)


def current_actor() -> Actor:
    """Who acts now; the platform itself where nobody was named."""
    return _current.get()


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Within the block, what is changed was changed by this actor."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
