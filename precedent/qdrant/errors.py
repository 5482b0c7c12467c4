"""What went wrong with a vector store, and trying again where that helps.

The classifier looks at status, gRPC code and the names of classes: neither the client nor gRPC has to be importable.
"""

import contextlib
import json
import random
import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from precedent.errors import PrecedentError
from precedent.providers.classification import retry_after
from precedent.security.redaction import scrub

T = TypeVar("T")
LONGEST_MESSAGE = 300
ATTEMPTS = 5
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0


class StoreFault(StrEnum):
    """Why a call to a store has no usable answer."""

    UNREACHABLE = "unreachable"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    MISSING = "missing"
    INVALID = "invalid"
    ISOLATION = "isolation"


RETRIED = frozenset({StoreFault.UNREACHABLE, StoreFault.LIMITED, StoreFault.UNAVAILABLE})
GRPC = {
    "UNAVAILABLE": StoreFault.UNREACHABLE,
    "DEADLINE_EXCEEDED": StoreFault.UNREACHABLE,
    "RESOURCE_EXHAUSTED": StoreFault.LIMITED,
    "ABORTED": StoreFault.UNAVAILABLE,
    "INTERNAL": StoreFault.UNAVAILABLE,
    "UNKNOWN": StoreFault.UNAVAILABLE,
    "UNAUTHENTICATED": StoreFault.REFUSED,
    "PERMISSION_DENIED": StoreFault.REFUSED,
    "NOT_FOUND": StoreFault.MISSING,
}
ADVICE = {
    StoreFault.UNREACHABLE: "cannot be reached ({text}): check that it runs and that its address is right",
    StoreFault.LIMITED: "takes no more requests now ({text}): try again later, or give it more room",
    StoreFault.UNAVAILABLE: "fails ({text}): look at its log",
    StoreFault.REFUSED: "refuses the key ({text}): give it one that may read and write with `precedent store add "
    "--replace`",
    StoreFault.MISSING: "does not have what it should ({text}): refresh the tenant's sources to fill it again",
    StoreFault.INVALID: "does not take the request ({text}): check that its version is supported",
    StoreFault.ISOLATION: "answered with a point of another tenant ({text}): nothing of it was used; do not use this "
    "server before you know why",
}


class StoreError(PrecedentError):
    """A call to a store without a usable answer; the message names the store and holds no secret.

    Attributes:
        fault: Why.
        retry_after: Seconds that the store asks to wait, where it does.
    """

    def __init__(self, store: str, fault: StoreFault, text: str, *, retry_after: float | None = None) -> None:
        short = scrub(" ".join(text.split()))[:LONGEST_MESSAGE]
        super().__init__(f"The vector store {scrub(store)} {ADVICE[fault].format(text=short)}.")
        self.fault = fault
        self.retry_after = retry_after


def classify(store: str, error: Exception) -> StoreError:
    """The error that the client raised as a `StoreError`."""
    if isinstance(error, StoreError):
        return error
    code = _grpc_code(error)
    if code is not None:
        return StoreError(store, GRPC.get(code, StoreFault.INVALID), f"{code}: {_details(error)}")
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return StoreError(store, _of_status(status), f"HTTP {status}: {_body(error)}", retry_after=_retry_after(error))
    if type(error).__name__ == "ResourceExhaustedResponse":
        return StoreError(store, StoreFault.LIMITED, f"HTTP 429: {error}", retry_after=_retry_after(error))
    source = getattr(error, "source", None)
    if isinstance(source, Exception):
        transport = type(source).__module__.split(".")[0] in ("httpx", "httpcore") or isinstance(source, OSError)
        fault = StoreFault.UNREACHABLE if transport else StoreFault.INVALID
        return StoreError(store, fault, f"{type(source).__name__}: {source}")
    if isinstance(error, OSError):
        return StoreError(store, StoreFault.UNREACHABLE, f"{type(error).__name__}: {error}")
    return StoreError(store, StoreFault.INVALID, f"{type(error).__name__}: {error}")


def retried(store: str, call: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """The call's answer, tried again after a growing wait where that may help.

    Args:
        store: Its name and address, for the message.
        call: Is made again after a failure; every operation has the same effect twice as once.
        attempts: The first included.

    Raises:
        StoreError: the last failure.
    """
    for attempt in range(attempts):
        try:
            return call()
        except Exception as error:
            failure = classify(store, error)
            wait = failure.retry_after or FIRST_WAIT_S * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311
            if failure.fault not in RETRIED or attempt == attempts - 1 or wait > LONGEST_WAIT_S:
                raise failure from None
        time.sleep(wait)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _of_status(status: int) -> StoreFault:
    if status in (401, 403):
        return StoreFault.REFUSED
    if status == 404:
        return StoreFault.MISSING
    if status == 429:
        return StoreFault.LIMITED
    if status == 408:
        return StoreFault.UNREACHABLE
    return StoreFault.UNAVAILABLE if status >= 500 else StoreFault.INVALID


def _grpc_code(error: Exception) -> str | None:
    code = getattr(error, "code", None)
    if not callable(code):
        return None
    name = getattr(code(), "name", None)
    return name if isinstance(name, str) else None


def _details(error: Exception) -> str:
    details = getattr(error, "details", None)
    return str(details()) if callable(details) else str(error)


def _body(error: Exception) -> str:
    content = getattr(error, "content", b"")
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a proxy's page, or nothing
        text = str(json.loads(text)["status"]["error"])
    return text or str(getattr(error, "reason_phrase", "")) or type(error).__name__


def _retry_after(error: Exception) -> float | None:
    # The client reads the header itself where it knows the status.
    seconds = getattr(error, "retry_after_s", None)
    return retry_after({"retry-after": str(seconds)} if seconds is not None else getattr(error, "headers", None) or {})
