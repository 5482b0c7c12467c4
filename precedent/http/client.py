"""Requests to one server that may misbehave: repeated, slowed down, bounded, and given up with a reason."""

import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from precedent.errors import ActionRequired, RetryLater
from precedent.http.addresses import origin
from precedent.http.answers import Answer, Reply, dated, judged
from precedent.retry import PAUSE_AFTER_TROUBLE, Limited, RetryPolicy, Trouble

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2

USER_AGENT = "precedent"
GZIP_OR_ZLIB = 32  # zlib takes either by its header
REDIRECTS = 5
REDIRECTED = frozenset({301, 302, 303, 307, 308})

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What a client bears.

    Attributes:
        timeout_s: The longest silence of the server, seconds.
        largest_answer: The most bytes of an answer, counted after decompression while it arrives.
        retry: How often and how long to try.
        conditional: False leaves out every validator: all answers come whole, whatever the server would call unchanged.
    """

    timeout_s: float = 30.0
    largest_answer: int = 64 << 20
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    conditional: bool = True


class HttpClient:
    """Asks one server for JSON.

    A call ends with a `Reply` or with one of the errors of `get`. Redirects are followed within the server's own
    origin (scheme, host and port) and nowhere else, so that credentials never leave it. An error holds neither the
    request nor the credentials, and nor does an error in its chain.

    Attributes:
        base_url: What paths are appended to.
        name: What the server is called in messages.
        requests: How many were sent so far; a redirect counts with the request that it belongs to.
    """

    def __init__(
        self,
        base_url: str,
        name: str,
        *,
        authorize: Callable[[], Headers] = dict,
        inspect: Callable[[Answer], Answer] = lambda answer: answer,
        options: HttpOptions | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: An address that `checked_url` accepts.
            name: What the server is called in messages.
            authorize: The headers that say who asks; called before each attempt.
            inspect: Called with each answer before it is judged; may replace it, or raise a `SourceFault`.
            options: Limits of time and size.
        """
        self.base_url = base_url.rstrip("/")
        self.name = name
        self.requests = 0
        self._authorize = authorize
        self._inspect = inspect
        self._options = options or HttpOptions()
        self._client: httpx2.Client | None = None
        self._answered_at: datetime | None = None

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
        """The JSON at a path.

        Args:
            path: A path under the base URL, or a whole URL of the same origin that the server gave.
            parameters: The query; a whole URL brings its own.
            expect: `list` or `dict`; any other value is not an answer of this interface.
            etag: A validator; the reply may then be `unchanged`.
            what: What is asked for, in words, for messages.
            whole: True if a refusal concerns the whole source, False if only one of its streams.

        Raises:
            RetryLater: the server limits requests, or is in trouble, for longer than is waited for.
            NotThere: 404 or 410.
            ActionRequired: anything else that repeating does not mend.
        """
        headers = {"If-None-Match": etag} if etag and self._options.conditional else {}
        what = what or path.partition("?")[0]
        reply = self._call(lambda end: self._send("GET", path, parameters, headers, end), expect, what, whole=whole)
        if reply.unchanged and not headers:
            raise ActionRequired(
                "unasked_304",
                f"{self.name} calls {what} unchanged (304) without being asked to compare: nothing was read. Look at "
                "the proxies and caches on the way.",
                whole=whole,
            )
        return reply

    def server_time(self) -> datetime:
        """The server's clock at its last answer by the `Date` header; this machine's where it sent none. UTC."""
        return self._answered_at or self._options.retry.now()

    def post(self, path: str, *, what: str) -> Reply:
        """The JSON that answers an empty POST request; raises as `get` does."""
        return self._call(lambda end: self._send("POST", path, None, {}, end), dict, what, whole=True)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, send: Callable[[float], Answer], expect: type, what: str, *, whole: bool) -> Reply:
        retry = self._options.retry

        def attempt(end: float) -> Reply:
            self.requests += 1
            answer = self._inspect(send(end))
            self._answered_at = dated(answer.headers)
            return judged(answer, self.name, what, expect=expect, whole=whole, now=retry.now())

        try:
            return retry.call(attempt)
        except Limited as limited:
            until = retry.now() + timedelta(seconds=limited.wait_s)
            raise RetryLater("rate_limited", limited.reason, until) from None
        except Trouble as trouble:
            # A server that answers with nonsense here may answer well elsewhere.
            whole = whole or not trouble.answered
            if trouble.permanent:
                raise ActionRequired(trouble.code, trouble.reason, whole=whole) from None
            raise RetryLater(trouble.code, trouble.reason, retry.now() + PAUSE_AFTER_TROUBLE, whole=whole) from None

    def _send(
        self, method: str, path: str, parameters: Mapping[str, Any] | None, headers: Headers, end: float
    ) -> Answer:
        """The answer to a request, behind its redirects."""
        url = self._same_origin(path) if "://" in path else self.base_url + path
        query = parameters or None
        for _ in range(REDIRECTS + 1):
            answer = self._exchange(method, url, query, {**self._authorize(), **headers}, end)
            location = answer.headers.get("location")
            if answer.status not in REDIRECTED or location is None:
                return answer
            url, query = self._same_origin(urljoin(url, location)), None
        raise ActionRequired(
            "redirect_loop", f"{self.name} redirects more than {REDIRECTS} times: give the address that it leads to."
        )

    def _exchange(self, method: str, url: str, query: Mapping[str, Any] | None, headers: Headers, end: float) -> Answer:
        import httpx2

        answered = False
        try:
            with self._opened().stream(method, url, params=query, headers=headers) as response:
                answered = True
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, named, self._body(response, end))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            fault = self._fault(error, answered=answered)
        # What httpx2 raises holds the request and so the credentials: it must not be in the chain of our error.
        raise fault

    def _body(self, response: "httpx2.Response", end: float) -> bytes:
        """The body, unpacked no further than it may be long; the library's own unpacking knows no bound."""
        body = bytearray()
        packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        unpack = zlib.decompressobj(zlib.MAX_WBITS | GZIP_OR_ZLIB) if packed else None
        for part in response.iter_raw():
            try:
                body += unpack.decompress(part, self._options.largest_answer + 1 - len(body)) if unpack else part
            except zlib.error:
                raise Trouble("cut_answer", f"{self.name} sends an answer that cannot be unpacked.") from None
            if len(body) > self._options.largest_answer:
                size = self._options.largest_answer >> 20
                raise ActionRequired("too_large", f"{self.name} answers with more than {size} MB.")
            if time.monotonic() > end:
                raise Trouble("timeout", f"{self.name} does not come to the end of its answer.")
        return bytes(body)

    def _fault(self, error: Exception, *, answered: bool) -> Trouble | ActionRequired:
        """What it means that a request failed on its way."""
        import httpx2

        if isinstance(error, httpx2.TimeoutException):
            return Trouble("timeout", f"{self.name} does not answer within {self._options.timeout_s:g} s.")
        if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
            return ActionRequired("bad_url", f"{self.name} leads to an address that is not valid: check the base URL.")
        if isinstance(error, httpx2.ConnectError) and "CERTIFICATE" in str(error):
            reason = (
                f"The certificate of {self.name} is not trusted: install its authority's certificate on this machine, "
                "or name it in SSL_CERT_FILE."
            )
            return Trouble("certificate", reason, permanent=True)
        if answered:
            return Trouble("cut_answer", f"{self.name} breaks off in the middle of an answer.")
        reason = f"{self.name} cannot be reached ({type(error).__name__}): check the base URL and the network."
        return Trouble("unreachable", reason)

    def _opened(self) -> "httpx2.Client":
        if self._client is None:
            import httpx2

            self._client = httpx2.Client(
                timeout=self._options.timeout_s,
                verify=_certificates(),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            )
        return self._client

    def _same_origin(self, url: str) -> str:
        if origin(url) != origin(self.base_url):
            scheme, host, port = origin(url)
            raise ActionRequired(
                "foreign_link",
                f"{self.name} leads to another host ({scheme}://{host}:{port}), where the credentials must not go: "
                "give the address that the server calls itself by.",
            )
        return url


@lru_cache(maxsize=1)
def _certificates() -> "SSLContext":
    """The certificates to trust, read once a process: to read them takes longer than a probe of a server."""
    import httpx2

    return httpx2.create_ssl_context()
