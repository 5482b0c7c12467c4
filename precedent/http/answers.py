"""What a server's answer means: a reply that can be used, a limit, trouble that may pass, or a refusal."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from precedent.errors import ActionRequired, NotThere
from precedent.retry import Limited, Trouble, retry_after
from precedent.security.redaction import scrub

# What GitHub asks for where a limit does not say how long it lasts.
UNSTATED_LIMIT_S = 60.0
NEXT = re.compile(r'<([^<>]+)>\s*(?:;[^,<>]*?)?;\s*rel="?next"?')
LONGEST_MESSAGE = 160
# Each takes 64 bytes of memory, even an empty one of two bytes.
MOST_CONTAINERS = 3_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came, with header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A usable answer; `data` is the parsed JSON, or None where the server said 304: nothing has changed."""

    status: int
    headers: Mapping[str, str]
    data: Any

    @property
    def unchanged(self) -> bool:
        """True if the validator that was sent still holds."""
        return self.status == 304

    @property
    def next_link(self) -> str | None:
        """The URL of the next page by the `Link` header, or None on the last."""
        found = NEXT.search(self.headers.get("link", ""))
        return found[1] if found else None


def dated(headers: Mapping[str, str]) -> datetime | None:
    """The moment of an answer by its `Date` header, UTC; None where there is none that can be read."""
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def judged(answer: Answer, server: str, what: str, *, expect: type, whole: bool, now: datetime) -> Reply:
    """The reply that an answer is.

    Args:
        answer: The answer.
        server: What the server is called in messages.
        what: What was asked for, in words.
        expect: The type that the JSON must have.
        whole: True if a refusal concerns the whole source.
        now: The clock, UTC.

    Raises:
        Limited: a rate limit.
        Trouble: the server is in trouble, or the answer cannot be read.
        ActionRequired: a refusal; NotThere for 404 and 410.
    """
    status = answer.status
    if status == 304:
        return Reply(status, answer.headers, None)
    if status in {403, 429}:
        _check_limit(answer, server, now)
    if status == 401:
        raise ActionRequired(
            "unauthorized", f"{server} refuses the credentials (401): give new ones with `precedent source set-key`."
        )
    if status in {404, 410}:
        raise NotThere(
            f"{server} has no {what}, or the credentials may not see it ({status}): "
            "check the name and the permissions of the token.",
            status,
            whole=whole,
        )
    if status >= 500:
        raise Trouble("server_error", f"{server} answers with {status}.", answered=True)
    if status >= 300:
        code = {403: "forbidden", 409: "conflict"}.get(status, "refused")
        raise ActionRequired(code, f"{server} refuses to give {what} ({status}{_message(answer)}).", whole=whole)
    return Reply(status, answer.headers, _parsed(answer, server, what, expect))


def _check_limit(answer: Answer, server: str, now: datetime) -> None:
    """Raise where a 403 or 429 is a limit and not a refusal."""
    wait = retry_after(answer.headers, now)
    if wait is None and answer.status == 403 and b"rate limit" not in answer.body.lower():
        return
    raise Limited(f"{server} limits requests ({answer.status}).", UNSTATED_LIMIT_S if wait is None else wait)


def _parsed(answer: Answer, server: str, what: str, expect: type) -> Any:
    if "html" in answer.headers.get("content-type", "") or answer.body[:1] == b"<":
        raise Trouble(
            "not_json",
            f"{server} answers with a web page instead of JSON for {what}: check the base URL, and the proxies on the "
            "way.",
            permanent=True,
            answered=True,
        )
    if answer.body.count(b"[") + answer.body.count(b"{") > MOST_CONTAINERS:
        reason = f"{server} answers {what} with millions of lists or objects."
        raise Trouble("other_shape", reason, permanent=True, answered=True)
    try:
        data = _json(answer.body)
    except (ValueError, RecursionError):
        raise Trouble("cut_answer", f"{server} sends broken JSON for {what}.", answered=True) from None
    if not isinstance(data, expect):
        raise Trouble("other_shape", f"{server} answers {what} in an unknown form.", permanent=True, answered=True)
    return data


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        # The strict parser refuses halves of surrogate pairs, which people do write; records are cleaned of them.
        if b"\\ud" not in body.lower():
            raise
        return json.loads(body)


def _message(answer: Answer) -> str:
    """The server's own words, shortened and without secrets."""
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        return ""
    if not isinstance(data, dict):
        return ""
    messages = data.get("errorMessages")
    first = messages[0] if isinstance(messages, list) and messages else None
    said = data.get("message") or first or data.get("error_description") or data.get("error")
    return f": {scrub(' '.join(str(said).split()))[:LONGEST_MESSAGE]}" if said else ""
