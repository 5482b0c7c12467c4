"""The error of any SDK in the vocabulary of all.

The classifier looks at status, code, message and the names of the exception's classes, never at a class itself: no SDK
has to be importable for another one's error to be understood.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from precedent.providers.errors import CHARGED, UNCERTAIN, FailureKind, ProviderError
from precedent.providers.tokens import TokenUsage
from precedent.providers.unreachable import chain, unreachable
from precedent.retry import seconds_or_date
from precedent.security.redaction import scrub

LONGEST_MESSAGE = 300
# Signs in the words of an error, in lower case.
OVERFLOW = (
    "contextwindowexceeded",
    "context_length_exceeded",
    "context length",
    "prompt is too long",
    "maximum context",
    "maximum prompt length",
    "model_max_prompt_tokens_exceeded",
    "exceed context limit",
    "exceeds the maximum number of tokens",
    "input token count",
)
TOO_MANY = (
    "too many inputs",
    "too many tokens",
    "max_tokens_per_request",
    "maximum allowed number of inputs",
    "batch size",
    "array too long",
    "at most 100 requests",
    "maximum request size",
    "too large",
    "max allowed tokens",
)
# The names of what is raised before a request is sent.
NOT_CONNECTED = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "gaierror", "ConnectionRefusedError"}
)
BY_STATUS = {
    401: FailureKind.AUTHENTICATION,
    402: FailureKind.PROVIDER_BUDGET,
    403: FailureKind.AUTHENTICATION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.UNAVAILABLE,
    429: FailureKind.RATE_LIMITED,
}


def classify(error: BaseException) -> ProviderError:
    """The error of any SDK as a ProviderError; one that is a ProviderError already is returned as it is."""
    if isinstance(error, ProviderError):
        return error
    status = _status(error)
    words = _words(error)
    kind = _kind(error, status, words)
    message = (unreachable(error) if kind in UNCERTAIN else None) or _message(error, status)
    wait = retry_after(_headers(error))
    return ProviderError(kind, message, status=status, retry_after=wait, arrived=not _never_connected(error))


@contextmanager
def paid(usage: TokenUsage, cost: Decimal | None = None, answer: str | None = None) -> Iterator[None]:
    """Reading an answer that has arrived: whatever fails within carries what the answer cost.

    Args:
        usage: Its tokens.
        cost: What the provider says that it cost, in USD, or None.
        answer: Its text, where there is one.

    Raises:
        ProviderError: what was raised within, with the figures that it does not have itself.
    """
    try:
        yield
    except Exception as error:
        failure = classify(error)
        if failure.kind in CHARGED or failure.kind is FailureKind.CONTEXT_OVERFLOW:
            failure.usage = usage if failure.usage is None else failure.usage
            failure.cost = cost if failure.cost is None else failure.cost
            failure.answer = failure.answer or answer
        raise failure from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after` (seconds or a date) or the upstream's `llm_provider-retry-after`."""
    found = []
    for name in ("retry-after-ms", "retry-after", "llm_provider-retry-after"):
        seconds = seconds_or_date(headers.get(name, ""), datetime.now(UTC))
        if seconds is not None:
            found.append(seconds / (1000 if name.endswith("-ms") else 1))
    return max(found) if found else None


def _never_connected(error: BaseException) -> bool:
    """True if no connection was made: an SDK's own error has the transport's as its cause."""
    return any({base.__name__ for base in type(link).__mro__} & NOT_CONNECTED for link in chain(error))


def _kind(error: BaseException, status: int | None, words: str) -> FailureKind:
    if "budget_exceeded" in words or "budget has been exceeded" in words or "insufficient_quota" in words:
        return FailureKind.PROVIDER_BUDGET
    if status is None:
        return _without_status(error)
    if status < 400:
        return FailureKind.CONFIGURATION
    if status == 400 and "content_filter" in words:
        return FailureKind.REFUSED
    if status in (400, 413, 422) and any(sign in words for sign in OVERFLOW):
        return FailureKind.CONTEXT_OVERFLOW
    if status == 413 or (status in (400, 422) and any(sign in words for sign in TOO_MANY)):
        return FailureKind.TOO_LARGE
    if status in BY_STATUS:
        return BY_STATUS[status]
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
    parts = (error, *(getattr(error, name, None) for name in ("body", "details", "type")))
    return " ".join(str(part) for part in parts if part is not None)[:4_000].lower()


def _message(error: BaseException, status: int | None) -> str:
    if status is not None and status < 400:
        # Behind a redirect another host would read the prompt, and perhaps the key.
        return f"HTTP {status}: the endpoint redirects, which is not followed: configure the address it leads to."
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
