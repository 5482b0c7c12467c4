"""The connection to GitHub: githubkit signs and sends, what comes back is judged elsewhere."""

import contextvars
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precedent.errors import UsageError
from precedent.security.redaction import register_secret
from precedent.sources.certificates import trusted
from precedent.sources.errors import NeedsAttention, Transient
from precedent.sources.http_client import Answer

if TYPE_CHECKING:
    import httpx
    from githubkit.auth import BaseAuthStrategy

TIMEOUT_S = 30.0
API_VERSION = "2022-11-28"
PUBLIC_HOST = "GitHub"
BASE_URL = re.compile(r"https?://[^/\s?#@]+(?:/[^\s?#]*)?")


@dataclass(frozen=True, slots=True)
class GitHubAuth:
    """A token, or a GitHub App's id, installation and private key (PEM), or nothing for public repositories."""

    token: str | None = field(default=None, repr=False)
    app_id: str | None = None
    installation_id: int | None = None
    private_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len({part is None for part in (self.app_id, self.installation_id, self.private_key)}) > 1:
            raise UsageError("A GitHub App needs its id, its installation's id and its private key: give all three.")
        if self.token is not None and self.app_id is not None:
            raise UsageError("Give a token or a GitHub App, not both.")
        for secret in (self.token, self.private_key):
            if secret:
                register_secret(secret)

    @property
    def is_app(self) -> bool:
        """Whether tokens are asked for as an App's installation."""
        return self.app_id is not None


class GitHubConnection:
    """Sends GET requests as whoever the credentials say.

    Redirects are followed, as a renamed repository is only reached so; httpx leaves the credentials out where one
    leads to another host. Nothing is repeated and nothing cached here.
    """

    def __init__(self, auth: GitHubAuth, base_url: str | None = None) -> None:
        """Prepare a connection; nothing is sent yet.

        Raises:
            UsageError: the base URL is none.
            NeedsAttention: the private key cannot be read.
        """
        import httpx
        from githubkit import GitHub
        from githubkit.cache import MemCacheStrategy

        if base_url is not None and not BASE_URL.fullmatch(base_url):
            raise UsageError("The base URL of GitHub Enterprise must look like https://host/api/v3.")
        self.auth = auth
        self._github: GitHub[Any] = GitHub(
            _strategy(auth), base_url=base_url, timeout=TIMEOUT_S, auto_retry=False, http_cache=False,
            follow_redirects=True, ssl_verify=trusted(),
            # The default is shared by the whole process and keyed by the App alone: another key would get its tokens.
            cache_strategy=MemCacheStrategy(),
        )  # fmt: skip
        self.base_url: httpx.URL = self._github.config.base_url
        self.name = PUBLIC_HOST if base_url is None else f"GitHub at {self.base_url.host}"
        # githubkit keeps its client in a context variable; requests may come from other threads than this one.
        self._context = contextvars.copy_context()
        self._context.run(self._github.__enter__)

    def send(self, path: str, parameters: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """One GET request.

        Args:
            path: A path under the base URL, or a whole URL of the same host.
            parameters: The query; a whole URL brings its own.
            headers: More headers.

        Raises:
            Transient: the connection failed on the way.
            NeedsAttention: a URL of another host, endless redirects, credentials that cannot sign.
        """
        if "://" in path:
            self._check_origin(path)
        return self._context.run(self._send, path, parameters, headers)

    def close(self) -> None:
        """Close the connections."""
        self._context.run(self._github.__exit__)

    def _send(self, path: str, parameters: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        sent = {"X-GitHub-Api-Version": API_VERSION, **headers}
        try:
            with self._github.get_sync_client() as client:
                response = client.get(path, params=dict(parameters) or None, headers=sent)
        # Whatever githubkit or httpx raises holds the request and with it the credentials: it must not be chained.
        except Exception as error:
            outcome = self._judged(error)
        else:
            outcome = _answer(response)
        if isinstance(outcome, Answer):
            return outcome
        raise outcome

    def _judged(self, error: Exception) -> Answer | Transient | NeedsAttention:
        """What a failure means; an error that nobody has thought of is raised as it is."""
        import httpx
        from githubkit.exception import RequestFailed

        if isinstance(error, RequestFailed):
            return self._app_refused(error.response.raw_response)
        if isinstance(error, httpx.TooManyRedirects):
            return NeedsAttention("redirect_loop", f"{self.name} redirects without end: check the base URL.")
        if isinstance(error, httpx.TimeoutException):
            return Transient("timeout", f"{self.name} does not answer within {TIMEOUT_S:.0f} s.")
        if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error):
            return Transient("certificate", f"The certificate of {self.name} is not trusted: install its authority's "
                             "certificate on this machine.", permanent=True)  # fmt: skip
        if isinstance(error, httpx.TransportError | httpx.DecodingError):
            return Transient("unreachable", f"The connection to {self.name} failed ({type(error).__name__}).")
        if isinstance(error, httpx.InvalidURL):
            return NeedsAttention("bad_url", f"{self.name} points to an address that is none: check the base URL.")
        if self.auth.is_app:
            return _unusable_app(f"githubkit cannot sign in ({type(error).__name__})")
        raise error

    def _app_refused(self, response: "httpx.Response") -> Answer | NeedsAttention:
        """The answer to an App that asked for a token: limits and trouble count as ever, refusals name the App."""
        answer = _answer(response)
        if answer.status >= 500 or answer.status == 429 or b"rate limit" in answer.body.lower():
            return answer
        return _unusable_app(f"{self.name} gives it no token ({answer.status})")

    def _check_origin(self, url: str) -> None:
        import httpx

        asked, base = httpx.URL(url), self.base_url
        if (asked.scheme, asked.host, asked.port) != (base.scheme, base.host, base.port):
            raise NeedsAttention(
                "foreign_link",
                f"{self.name} links to another host for its next page, where the credentials must not go: "
                "use the base URL that the server calls itself by.",
            )


def _strategy(auth: GitHubAuth) -> "BaseAuthStrategy":
    from githubkit import AppInstallationAuthStrategy, TokenAuthStrategy, UnauthAuthStrategy

    if auth.token is not None:
        return TokenAuthStrategy(auth.token)
    if auth.app_id is None or auth.private_key is None or auth.installation_id is None:
        return UnauthAuthStrategy()
    if not _is_rsa_key(auth.private_key):
        raise _unusable_app("its private key is no RSA key in PEM form")
    return AppInstallationAuthStrategy(auth.app_id, auth.private_key, auth.installation_id)


def _is_rsa_key(text: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(text.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _unusable_app(reason: str) -> NeedsAttention:
    return NeedsAttention(
        "unauthorized",
        f"The GitHub App cannot be used: {reason}. Check its id, its installation and its private key.",
    )


def _answer(response: "httpx.Response") -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content, str(response.url))
