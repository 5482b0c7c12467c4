"""A kind of live source at work on its server: what the contract asks for, and how it calls a source."""

import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from precedent.errors import SourceFault
from precedent.http.client import HttpOptions
from precedent.retry import RetryPolicy
from precedent.security.redaction import register_secret
from precedent.sources import registry
from precedent.sources.kind import SourceContext
from precedent.sources.source import LiveSource
from precedent.sources.testing.reading import Identity
from precedent.testing.loopback import LoopbackServer, Request

PATIENT_S, IMPATIENT_S = 30.0, 0.2
LARGEST = 1 << 20
ALWAYS = 10_000

Test = TypeVar("Test", bound=Callable[..., None])


def only_if(condition: str) -> Callable[[Test], Test]:
    """Leave a test out where this attribute of the class is false."""

    def marked(test: Test) -> Test:
        test.condition = condition  # type: ignore[attr-defined]
        return test

    return marked


class SourceBench:
    """What a subclass says of its kind and does to its server.

    Attributes:
        kind: The name of the kind, which is installed.
        key: What a source is opened with; None for kinds without a key.
        json: True if the server is asked through `HttpClient`.
        changes: True if items can change.
        sweeps: True if a stream of it sweeps; implement `delete`.
        renames: True if ids begin with a name that can change; implement `rename`.
        numbered: True if the server gives the source a number of its own; implement `replace`.
        dated: True if cursors go by dates; implement `add_dated`.
        pages: How many items make two pages or more of the first stream; 0 where it has one page only.
    """

    kind: ClassVar[str]
    key: ClassVar[str | None] = "a-key-of-the-contract-0123456789"
    json: ClassVar[bool] = True
    changes: ClassVar[bool] = True
    sweeps: ClassVar[bool] = False
    renames: ClassVar[bool] = False
    numbered: ClassVar[bool] = False
    dated: ClassVar[bool] = False
    pages: ClassVar[int] = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in dir(cls):
            condition = getattr(getattr(cls, name), "condition", None)
            if condition is not None and hasattr(cls, "kind") and not getattr(cls, condition):
                setattr(cls, name, None)

    @abstractmethod
    def serve(self, folder: Path) -> LoopbackServer:
        """A server that is not started yet, and that lets in the `key` alone where there is one.

        Args:
            folder: An empty folder for it.
        """

    @abstractmethod
    def configuration(self, server: LoopbackServer) -> dict[str, Any]:
        """The configuration of a source of the server."""

    @abstractmethod
    def add(self, server: LoopbackServer) -> Identity:
        """Add an item that the first stream brings."""

    def change(self, server: LoopbackServer, item: Identity) -> None:
        """Change an item."""
        raise NotImplementedError

    def delete(self, server: LoopbackServer, item: Identity) -> None:
        """Delete an item of a stream that sweeps."""
        raise NotImplementedError

    def rename(self, server: LoopbackServer) -> str:
        """Rename what the source reads; the new name."""
        raise NotImplementedError

    def replace(self, server: LoopbackServer) -> None:
        """Give the name of what the source reads to something else."""
        raise NotImplementedError

    def add_dated(self, server: LoopbackServer, at: datetime) -> Identity:
        """Add an item of the first stream that was last changed at a moment, by its own words."""
        raise NotImplementedError

    def fill(self, server: LoopbackServer) -> list[Identity]:
        """Add a few items of every form that the kind has; those of the first stream are returned."""
        return [self.add(server) for _ in range(3)]

    def asked_for(self, request: Request) -> bool:
        """True of the requests that a fault applies to."""
        return True

    @contextmanager
    def opened(
        self,
        server: LoopbackServer,
        folder: Path,
        *,
        key: str | None = None,
        name: str | None = None,
        timeout_s: float = PATIENT_S,
        conditional: bool = True,
    ) -> Iterator[LiveSource]:
        """A source of the server that never sleeps, and goes by the server's clock.

        Args:
            server: What it asks.
            folder: Where it may keep files.
            key: Its key; by default that of the bench.
            name: The name that is stored for what has been renamed.
            timeout_s: Of one request.
            conditional: False to ask for everything anew.
        """
        retry = RetryPolicy(sleep=lambda _: None, now=server.dated)
        options = HttpOptions(timeout_s=timeout_s, largest_answer=LARGEST, retry=retry, conditional=conditional)
        context = SourceContext(folder=folder / "source", key=key or self.key, name=name, http=options)
        values = registry.configuration_of(self.kind, self.configuration(server))
        source = registry.get(self.kind).open(values, context)
        assert isinstance(source, LiveSource)  # noqa: S101 - the kind says that it is live
        try:
            yield source
        finally:
            source.close()

    def fault(self, server: LoopbackServer, folder: Path, **options: Any) -> SourceFault:
        """What a probe raises; the key is not in it."""
        if self.key:
            register_secret(self.key)
        with self.opened(server, folder, **options) as source, pytest.raises(SourceFault) as caught:
            source.probe()
        assert self.key is None or self.key not in told(caught.value)  # noqa: S101
        return caught.value

    def fail(self, server: LoopbackServer, kind: str, **options: Any) -> None:
        """Let every request fail, see `Fault`."""
        server.fail(kind, times=ALWAYS, only=self.asked_for, **options)


def told(error: BaseException) -> str:
    """Everything that a log may hold of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)
