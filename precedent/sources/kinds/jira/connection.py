"""Requests to a Jira through the `jira` library's session; every retry is the caller's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from precedent.errors import UsageError
from precedent.sources.errors import NeedsAttention, Transient
from precedent.sources.http_client import Answer

if TYPE_CHECKING:
    from jira import JIRA
    from requests import RequestException, Response

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class JiraAuth:
    """Who asks: a user with a key (Cloud: e-mail and API token; Server: name and password), a token alone, or nobody.

    A token alone is a personal access token of Server or Data Center, sent as a bearer token.
    """

    user: str | None = None
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.user is not None and not self.key:
            raise UsageError(f"The Jira user {self.user} needs a key: give an API token or a password.")
        if self.key is not None and (not self.key or not self.key.isprintable() or self.key != self.key.strip()):
            raise UsageError("The key for Jira is empty or holds spaces or line breaks around it: give it anew.")
        if self.user is not None and (not self.user.isprintable() or ":" in self.user):
            raise UsageError("The user name for Jira must not hold colons or line breaks.")
        if self.user is None and self.key is not None and not self.key.isascii():
            raise UsageError("A token for Jira has ASCII characters only: give a user name to send a password.")

    @classmethod
    def of(cls, user: str | None, key: str | None) -> Self:
        """From what is configured; both may be missing."""
        return cls(user or None, key or None)

    @property
    def anonymous(self) -> bool:
        """Whether nobody logs in."""
        return self.key is None


class Connection:
    """One session with a Jira, opened by the first request.

    Args:
        base_url: With the context path where there is one, e.g. `https://host/jira`.
        auth: Who asks.
        name: What the server is called in messages.
        timeout_s: Silence after which an attempt is given up, seconds.

    Raises:
        UsageError: the base URL is none.
    """

    def __init__(self, base_url: str, auth: JiraAuth, name: str, timeout_s: float = TIMEOUT_S) -> None:
        self._base = checked_base(base_url)
        self._auth = auth
        self._name = name
        self._timeout_s = timeout_s
        self._client: JIRA | None = None

    def send(self, path: str, parameters: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """One GET request under the base URL, for `Caller`."""
        from jira import JIRAError
        from requests import RequestException

        session = self._open()._session
        kept: list[Response] = []
        failure: Transient | None = None
        try:
            session.get(
                self._base + path,
                params=dict(parameters),
                headers=dict(headers),
                hooks={"response": lambda response, *_, **__: kept.append(response)},
            )
        except RequestException as error:
            failure = self._transient(error)
        except JIRAError:
            pass  # the answer is kept: what to make of its status is the caller's business
        except (TypeError, AttributeError):
            # The library trips over JSON that is no error of Jira's, e.g. what a proxy sends.
            if not kept:
                raise
        if failure is not None:
            # Raised here, so that what the library raised, which knows the request, is not in its chain.
            raise failure
        return self._answer(kept[-1])

    def close(self) -> None:
        """Close the session; a later request opens another."""
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

    def _open(self) -> "JIRA":
        if self._client is None:
            from jira import JIRA

            basic = None
            if self._auth.user is not None and self._auth.key is not None:
                # The library encodes both as Latin-1; so they arrive as the UTF-8 that Jira expects.
                basic = (_as_utf8(self._auth.user), _as_utf8(self._auth.key))
            self._client = JIRA(
                server=self._base, basic_auth=basic, token_auth=None if basic else self._auth.key,
                get_server_info=False, max_retries=0, timeout=self._timeout_s, logging=False,
            )  # fmt: skip
        return self._client

    def _answer(self, response: "Response") -> Answer:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == 403 and "captcha" in headers.get("x-authentication-denied-reason", "").lower():
            raise NeedsAttention(
                "captcha",
                f"{self._name} asks for a CAPTCHA after failed logins (403): log in once in the browser, then resume.",
            )
        status = response.status_code
        if not self._auth.anonymous and "AUTHENTICATED_FAILED" in headers.get("x-seraph-loginreason", ""):
            # Jira then answers as to nobody, with 200 and without the issues that nobody may see.
            status = 401
        return Answer(status, headers, response.content, response.url)

    def _transient(self, error: "RequestException") -> Transient:
        from requests import exceptions

        match error:
            case exceptions.Timeout():
                return Transient("timeout", f"{self._name} has not answered within {self._timeout_s:g} s.")
            case exceptions.SSLError():
                return Transient(
                    "tls", f"The certificate of {self._name} is not trusted: check it, or REQUESTS_CA_BUNDLE.",
                    permanent=True,
                )  # fmt: skip
            case exceptions.ChunkedEncodingError() | exceptions.ContentDecodingError():
                return Transient("cut_answer", f"{self._name} broke off in the middle of an answer.")
            case exceptions.ConnectionError():
                return Transient("unreachable", f"{self._name} cannot be reached: check the base URL and the network.")
            case _:
                return Transient(
                    "unreachable", f"{self._name} cannot be asked ({type(error).__name__}): check the base URL.",
                    permanent=True,
                )  # fmt: skip


def checked_base(base_url: str) -> str:
    """A base URL without a slash at its end.

    Raises:
        UsageError: it is no HTTP address, or holds more than host and path.
    """
    base = base_url.strip().rstrip("/")
    wrong = UsageError("The base URL of Jira must be like https://company.atlassian.net or https://host/jira.")
    try:
        parts = urlsplit(base)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not sound or parts.query or parts.fragment:
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise UsageError("The base URL of Jira must not hold a user or password: give them by themselves.")
    return base


def _as_utf8(text: str) -> str:
    return text.encode().decode("latin-1")
