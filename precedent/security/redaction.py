"""Live secrets never reach a log, an event or an error: whatever was decrypted is replaced wherever it shows up."""

import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

REPLACEMENT = "[redacted]"
# A shorter "secret" would be replaced inside innocent words.
SHORTEST = 6

_secrets: dict[str, None] = {}
_lock = threading.Lock()


def register_secret(value: str) -> None:
    """Remember a secret for as long as the process lives."""
    if len(value) < SHORTEST or value in _secrets:
        return
    with _lock:
        for form in {value, quote(value, safe="")}:
            _secrets[form] = None
    _install()


def scrub(text: str) -> str:
    """The text without any live secret."""
    for secret in tuple(_secrets):
        if secret in text:
            text = text.replace(secret, REPLACEMENT)
    return text


def scrub_values(value: Any) -> Any:
    """A JSON-like value without any live secret."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: scrub_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_values(item) for item in value]
    return value


class _ScrubbingFactory:
    """Makes log records whose text, arguments and traceback are scrubbed."""

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self.inner(*args, **kwargs)
        if not _secrets:
            return record
        try:
            message = record.getMessage()
        except Exception:  # a broken format string is the caller's; logging itself will say so
            return record
        clean = scrub(message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            if record.exc_text != logging.Formatter().formatException(record.exc_info):
                record.exc_info = None
        return record


def _install() -> None:
    if not isinstance(logging.getLogRecordFactory(), _ScrubbingFactory):
        logging.setLogRecordFactory(_ScrubbingFactory(logging.getLogRecordFactory()))
