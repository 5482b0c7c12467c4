"""Requests to a server that may misbehave: repeated, slowed down, and given up with a reason."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from precedent.security.redaction import scrub
from precedent.sources.errors import NeedsAttention, NotThere, Transient, Waiting
from precedent.sources.shapes.cleaning import is_suspicious

ATTEMPTS = 4
BACKOFF_S = 1.0
SHORT_WAIT_S = 60.0  # a limit that ends within it is waited for; a longer one ends the sync with its cursor kept
PAUSE_AFTER_TROUBLE = timedelta(minutes=5)
# A limit that claims to be over, or never to be: the first would be asked without a pause, the second never again.
SHORTEST_LIMIT_S = 1.0
LONGEST_LIMIT_S = 86_400.0
LARGEST_ANSWER = 64 << 20
SHOWN = 160


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case, `url` after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A usable answer. `data` is None when the server said 304: nothing has changed."""

    status: int
    headers: Mapping[str, str]
    data: Any
    url: str

    @property
    def unchanged(self) -> bool:
        """Whether the validator that was sent still holds."""
        return self.status == 304


Send = Callable[[str, Mapping[str, Any], Mapping[str, str]], Answer]


class Caller:
    """Sends GET requests through a client library and makes one of a reply, `Waiting` or `NeedsAttention` of each.

    Args:
        send: `(path or URL, parameters, headers) -> Answer`; raises `Transient` for a connection that fails.
        name: What the server is called in messages.
        short_wait_s: The longest rate limit to sit out, seconds.
        sleep: How to wait; tests replace it.
        now: The clock, UTC.
    """

    def __init__(
        self,
        send: Send,
        name: str,
        *,
        short_wait_s: float = SHORT_WAIT_S,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._send = send
        self.name = name
        self.short_wait_s = short_wait_s
        self._sleep = sleep
        self._now = now
        self.requests = 0

    def get(
        self,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        expect: type = dict,
        etag: str | None = None,
        what: str = "",
        whole: bool = True,
    ) -> Reply:
        """The parsed JSON at a path.

        Args:
            path: A path under the server's base, or a whole URL that it gave.
            parameters: The query.
            expect: `list` or `dict`; anything else is no answer of this interface.
            etag: A validator; the reply may then be `unchanged`.
            what: What is asked for, in words, for messages.
            whole: Whether a refusal concerns the whole source, or only the stream.

        Raises:
            Waiting: the server limits or is in trouble for longer than is sat out.
            NotThere: 404 or 410.
            NeedsAttention: anything that repeating does not mend.
        """
        headers = {"If-None-Match": etag} if etag else {}
        failed = 0
        limited_s = 0.0
        while True:
            self.requests += 1
            answered = False
            try:
                answer = self._send(path, parameters or {}, headers)
                answered = True
                return self._judged(answer, expect, what or path.partition("?")[0], whole)
            except Transient as trouble:
                if trouble.wait_s is not None:
                    wait = min(max(trouble.wait_s, SHORTEST_LIMIT_S), LONGEST_LIMIT_S)
                    limited_s += wait
                    if limited_s > self.short_wait_s:
                        until = self._now() + timedelta(seconds=wait)
                        raise Waiting(trouble.code, trouble.reason, until, whole=True) from None
                else:
                    failed += 1
                    wait = BACKOFF_S * 2 ** (failed - 1)
                    if failed >= ATTEMPTS:
                        # A server that answers here with nonsense may answer well elsewhere.
                        raise self._given_up(trouble, whole=whole or not answered) from None
                self._sleep(wait)

    def _given_up(self, trouble: Transient, *, whole: bool) -> Waiting | NeedsAttention:
        if trouble.permanent:
            return NeedsAttention(trouble.code, trouble.reason, whole=whole)
        return Waiting(trouble.code, trouble.reason, self._now() + PAUSE_AFTER_TROUBLE, whole=whole)

    def _judged(self, answer: Answer, expect: type, what: str, whole: bool) -> Reply:
        status = answer.status
        if status == 304:
            return Reply(status, answer.headers, None, answer.url)
        if status in {403, 429}:
            self._limited(answer)
        if status == 401:
            raise NeedsAttention(
                "unauthorized",
                f"{self.name} refuses the credentials (401): give new ones with `precedent source set-key`.",
            )
        if status in {404, 410}:
            raise NotThere(
                f"{self.name} has no {what}, or the credentials may not see it ({status}): "
                "check the name and the permissions of the token.", status, whole=whole,
            )  # fmt: skip
        if status >= 500:
            raise Transient("server_error", f"{self.name} answers with {status}.")
        if status >= 300:
            code = {403: "forbidden", 409: "conflict"}.get(status, "refused")
            raise NeedsAttention(code, f"{self.name} refuses to give {what} ({status}{_message(answer)}).", whole=whole)
        return Reply(status, answer.headers, self._parsed(answer, expect, what), answer.url)

    def _parsed(self, answer: Answer, expect: type, what: str) -> Any:
        if len(answer.body) > LARGEST_ANSWER:
            raise NeedsAttention("too_large", f"{self.name} answers with more than {LARGEST_ANSWER >> 20} MB.")
        kind = answer.headers.get("content-type", "")
        if "html" in kind or answer.body[:1] == b"<":
            raise Transient(
                "not_json",
                f"{self.name} answers with a web page instead of JSON for {what}: check the base URL, "
                "or what stands between.", permanent=True,
            )  # fmt: skip
        try:
            # The strict parser refuses halves of surrogates, which people do write; records are cleaned of them.
            data = json.loads(answer.body) if is_suspicious(answer.body) else orjson.loads(answer.body)
        except (ValueError, RecursionError):
            raise Transient("cut_answer", f"{self.name} sends broken JSON for {what}.") from None
        if not isinstance(data, expect):
            raise Transient("other_shape", f"{self.name} answers {what} in an unknown form.", permanent=True)
        return data

    def _limited(self, answer: Answer) -> None:
        """Raise where a 403 or 429 is a limit and not a refusal."""
        wait = retry_after(answer.headers, self._now())
        if wait is None and answer.status == 403:
            if b"rate limit" not in answer.body.lower():
                return
            wait = 60.0  # what GitHub asks for where a secondary limit says nothing else
        reason = f"{self.name} limits requests ({answer.status})."
        raise Transient("rate_limited", reason, wait_s=60.0 if wait is None else wait)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a limit lasts by `retry-after` (seconds or a date), else by an exhausted `x-ratelimit-*`."""
    value = headers.get("retry-after", "").strip()
    if value:
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(value) - now).total_seconds()
            except (ValueError, TypeError):
                seconds = math.nan
        if math.isfinite(seconds):
            return max(0.0, seconds)
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        reset = headers.get("x-ratelimit-reset", "").strip()
        try:
            moment = datetime.fromtimestamp(float(reset), UTC) if reset.isdigit() else datetime.fromisoformat(reset)
        except (ValueError, OverflowError, OSError):
            return None
        # A second more: clocks differ, and the limit ends with the second that is named.
        return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()) + 1.0
    return None


def _message(answer: Answer) -> str:
    """The server's own words, shortened and without secrets."""
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    messages = data.get("errorMessages")
    said = data.get("message") or (messages[0] if isinstance(messages, list) and messages else None)
    return f": {scrub(' '.join(str(said).split()))[:SHOWN]}" if said else ""
