"""What went wrong with a call, in one vocabulary for all SDKs.

The classifier looks at status, code, message and the module of the exception, never at a class: no SDK has to be
importable for another one's error to be understood.
"""

import email.utils
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from precedent.errors import PrecedentError
from precedent.security.redaction import scrub

LONGEST_MESSAGE = 300


class FailureKind(StrEnum):
    """Why a call has no usable answer."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    AUTHENTICATION = "authentication"
    NOT_FOUND = "not_found"
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "too_large"
    CONTEXT_OVERFLOW = "context_overflow"
    PROVIDER_BUDGET = "provider_budget"
    REFUSED = "refused"
    INVALID_ANSWER = "invalid_answer"
    # Ours: no request was sent.
    CONFIGURATION = "configuration"
    POLICY = "policy"
    BUDGET = "budget"
    BREAKER_OPEN = "breaker_open"
    LIMIT = "limit"


RETRIED = frozenset(
    {FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE,
     FailureKind.INVALID_ANSWER}
)  # fmt: skip
# The provider is down or refuses everything: these, and no others, count towards opening the breaker.
OUTAGES = frozenset(
    {FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED,
     FailureKind.AUTHENTICATION, FailureKind.PROVIDER_BUDGET}
)  # fmt: skip
NOT_SENT = frozenset(
    {FailureKind.CONFIGURATION, FailureKind.POLICY, FailureKind.BUDGET, FailureKind.BREAKER_OPEN, FailureKind.LIMIT}
)


class ProviderError(PrecedentError):
    """A call without a usable answer; the message holds no secret.

    Attributes:
        kind: Why.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the provider asks to wait, where it does.
        provider: The row's name, set by the caller that knows it.
    """

    def __init__(
        self, kind: FailureKind, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(scrub(message))
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.provider: str | None = None
        self.attempts = 0


OVERFLOW = ("contextwindowexceeded", "context_length_exceeded", "context length", "prompt is too long",
            "maximum context", "maximum prompt length", "model_max_prompt_tokens_exceeded", "exceed context limit",
            "exceeds the maximum number of tokens", "input token count")  # fmt: skip
TOO_MANY = ("too many inputs", "too many tokens", "max_tokens_per_request", "maximum allowed number of inputs",
            "batch size", "array too long", "at most 100 requests", "maximum request size",
            "too large", "max allowed tokens")  # fmt: skip


def classify(error: BaseException) -> ProviderError:
    """The error of any SDK as one of ours; ours are returned as they are."""
    if isinstance(error, ProviderError):
        return error
    status = _status(error)
    words = _words(error)
    kind = _kind(error, status, words)
    message = _message(error, status)
    return ProviderError(kind, message, status=status, retry_after=retry_after(_headers(error)))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after` (seconds or a date) or the upstream's `llm_provider-retry-after`."""
    found = []
    for name in ("retry-after-ms", "retry-after", "llm_provider-retry-after"):
        text = headers.get(name)
        if not text:
            continue
        try:
            seconds = float(text) / (1000 if name.endswith("-ms") else 1)
        except ValueError:
            moment = email.utils.parsedate_tz(text)
            if moment is None:
                continue
            seconds = email.utils.mktime_tz(moment) - time.time()
        found.append(max(0.0, seconds))
    return max(found) if found else None


def _kind(error: BaseException, status: int | None, words: str) -> FailureKind:
    if "budget_exceeded" in words or "budget has been exceeded" in words or "insufficient_quota" in words:
        return FailureKind.PROVIDER_BUDGET
    if status is None:
        return _without_status(error)
    if status == 400 and "content_filter" in words:
        return FailureKind.REFUSED
    if status in (400, 413, 422) and any(sign in words for sign in OVERFLOW):
        return FailureKind.CONTEXT_OVERFLOW
    if status == 413 or (status in (400, 422) and any(sign in words for sign in TOO_MANY)):
        return FailureKind.TOO_LARGE
    by_status = {
        401: FailureKind.AUTHENTICATION, 403: FailureKind.AUTHENTICATION, 402: FailureKind.PROVIDER_BUDGET,
        404: FailureKind.NOT_FOUND, 408: FailureKind.TIMEOUT, 409: FailureKind.UNAVAILABLE,
        429: FailureKind.RATE_LIMITED,
    }  # fmt: skip
    if status in by_status:
        return by_status[status]
    if status == 400 and ("api key not valid" in words or "api_key_invalid" in words or "no_db_connection" in words):
        return FailureKind.AUTHENTICATION
    return FailureKind.UNAVAILABLE if status >= 500 else FailureKind.INVALID_REQUEST


def _without_status(error: BaseException) -> FailureKind:
    names = {base.__name__ for base in type(error).__mro__}
    module = type(error).__module__
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError", "ReadTimeout"}:
        return FailureKind.TIMEOUT
    if isinstance(error, ValueError) or names & {"ValidationError", "APIResponseValidationError", "JSONDecodeError"}:
        return FailureKind.INVALID_ANSWER
    if names & {"ContentFilterFinishReasonError"}:
        return FailureKind.REFUSED
    if names & {"LengthFinishReasonError", "DecodingError", "ResponseValidationError", "UnknownApiResponseError"}:
        return FailureKind.INVALID_ANSWER
    if names & {"APIConnectionError", "TransportError", "ConnectionError", "NetworkError", "ProtocolError", "OSError"}:
        return FailureKind.CONNECTION
    # What an SDK trips over while it reads an answer (a missing field, a null) is an answer of another shape.
    if isinstance(error, TypeError | KeyError | AttributeError | IndexError) or module.startswith("json"):
        return FailureKind.INVALID_ANSWER
    return FailureKind.CONNECTION if module.startswith("httpx") else FailureKind.INVALID_ANSWER


def _status(error: BaseException) -> int | None:
    for value in (getattr(error, "status_code", None), getattr(error, "code", None), getattr(error, "status", None)):
        if isinstance(value, int) and 300 <= value < 600:
            return value
    # An answer with status 200 that an SDK could not read is no status of an error.
    return None


def _headers(error: BaseException) -> Mapping[str, str]:
    for holder in (getattr(error, "response", None), error, getattr(error, "raw_response", None)):
        headers = getattr(holder, "headers", None)
        if headers is not None:
            try:
                return {str(name).lower(): str(value) for name, value in headers.items()}
            except (AttributeError, TypeError):
                continue
    return {}


def _words(error: BaseException) -> str:
    parts: list[Any] = [error, getattr(error, "body", None), getattr(error, "details", None),
                        getattr(error, "type", None)]  # fmt: skip
    return " ".join(str(part) for part in parts if part is not None)[:4_000].lower()


def _message(error: BaseException, status: int | None) -> str:
    body = getattr(error, "body", None)
    text = ""
    if isinstance(body, dict):
        inner = body.get("error", body)
        text = str(inner.get("message", "")) if isinstance(inner, dict) else str(inner)
    elif isinstance(body, str) and not body.lstrip().startswith(("{", "<")):
        text = body
    text = text or str(getattr(error, "message", "") or error) or type(error).__name__
    short = scrub(" ".join(text.split()))[:LONGEST_MESSAGE]
    return f"HTTP {status}: {short}" if status else f"{type(error).__name__}: {short}"
