"""What the contract of drivers does not reach: headers, exceptions of any module, and what a message may hold."""

import email.utils
import time
from typing import Any

import pytest

from precedent.providers.classification import classify, retry_after
from precedent.providers.errors import NOT_SENT, OUTAGES, RETRIED, FailureKind, ProviderError
from precedent.security.redaction import register_secret


def error(name: str, module: str = "sdk", base: type[Exception] = Exception, **attributes: Any) -> Exception:
    """An exception as some SDK might raise it."""
    made: Exception = type(name, (base,), {"__module__": module})("it went wrong")
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-5"}, 0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, None),
        ({"retry-after": "3", "llm_provider-retry-after": "9"}, 9),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    soon = retry_after({"retry-after": email.utils.formatdate(time.time() + 30, usegmt=True)})
    assert soon is not None
    assert 28 < soon <= 30
    assert retry_after({"retry-after": email.utils.formatdate(time.time() - 3600, usegmt=True)}) == 0


def test_headers_are_found_wherever_an_sdk_keeps_them() -> None:
    response = error("Response", headers={"Retry-After": "4"})
    for found in (
        error("E", status_code=429, response=response),
        error("E", code=429, headers={"retry-after": "4"}),
        error("E", status_code=429, raw_response=response),
    ):
        assert classify(found).retry_after == 4
    assert classify(error("E", status_code=429, response=error("R", headers=object()))).retry_after is None


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (error("ReadTimeout", "httpx2"), FailureKind.TIMEOUT),
        (error("APITimeoutError", "openai", type("APIConnectionError", (Exception,), {})), FailureKind.TIMEOUT),
        (TimeoutError("slow"), FailureKind.TIMEOUT),
        (error("Whatever", "httpx2._exceptions"), FailureKind.CONNECTION),
        (ConnectionResetError("gone"), FailureKind.CONNECTION),
        (OSError("no route"), FailureKind.CONNECTION),
        (KeyError("choices"), FailureKind.INVALID_ANSWER),
        (ValueError("no JSON"), FailureKind.INVALID_ANSWER),
        (error("ContentFilterFinishReasonError"), FailureKind.REFUSED),
        (error("Odd"), FailureKind.INVALID_ANSWER),
        (error("E", status_code=200), FailureKind.INVALID_ANSWER),
        (error("E", status_code=599), FailureKind.UNAVAILABLE),
        (error("E", status_code=418), FailureKind.INVALID_REQUEST),
        (error("E", code="429"), FailureKind.INVALID_ANSWER),
        (error("E", status_code=400, body={"error": {"message": "API key not valid."}}), FailureKind.AUTHENTICATION),
        (error("E", status_code=400, body={"error": {"type": "no_db_connection"}}), FailureKind.AUTHENTICATION),
        (error("E", status_code=400, body={"code": "content_filter"}), FailureKind.REFUSED),
        (error("E", status_code=429, body={"error": {"code": "insufficient_quota"}}), FailureKind.PROVIDER_BUDGET),
        (error("E", status_code=429, type="budget_exceeded"), FailureKind.PROVIDER_BUDGET),
        (error("E", status_code=500, body="context length"), FailureKind.UNAVAILABLE),
    ],
    ids=lambda value: value if isinstance(value, FailureKind) else type(value).__name__,
)
def test_kinds(raised: Exception, kind: FailureKind) -> None:
    assert classify(raised).kind is kind


def test_ours_is_returned_as_it_is() -> None:
    ours = ProviderError(FailureKind.POLICY, "no")
    assert classify(ours) is ours


def test_a_message_is_short_and_holds_neither_pages_nor_secrets() -> None:
    register_secret("secret-in-an-error-0123456789")
    long = classify(error("E", status_code=500, body={"error": {"message": "why\n" * 500}}))
    assert str(long).startswith("HTTP 500: why why")
    assert len(str(long)) < 320
    page = classify(error("E", status_code=502, body="<html>secret-in-an-error-0123456789</html>"))
    assert str(page) == "HTTP 502: it went wrong"
    told = classify(error("E", status_code=401, body={"error": "bad key secret-in-an-error-0123456789"}))
    assert str(told) == "HTTP 401: bad key [redacted]"
    assert "secret-in" not in str(ProviderError(FailureKind.TIMEOUT, "after secret-in-an-error-0123456789"))


def test_no_kind_is_both_ours_and_the_providers() -> None:
    assert not NOT_SENT & (OUTAGES | RETRIED)
    assert FailureKind.AUTHENTICATION not in RETRIED
