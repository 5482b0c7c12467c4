"""Credentials for a Jira, and how Jira says that it refuses them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from precedent.errors import ActionRequired, UsageError
from precedent.http.answers import Answer
from precedent.http.client import HttpClient, HttpOptions


@dataclass(frozen=True, slots=True)
class JiraAuth:
    """A user with a key (Cloud: e-mail and API token; Server: name and password), a token alone, or nothing.

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
        """True if there are no credentials."""
        return self.key is None

    def headers(self) -> Mapping[str, str]:
        """The headers of a request."""
        if self.key is None:
            return {"Accept": "application/json"}
        said = f"Bearer {self.key}"
        if self.user is not None:
            said = "Basic " + base64.b64encode(f"{self.user}:{self.key}".encode()).decode()
        return {"Accept": "application/json", "Authorization": said}


def connected(base_url: str, name: str, auth: JiraAuth, options: HttpOptions) -> HttpClient:
    """A client of a Jira's REST interface; nothing is sent yet.

    Args:
        base_url: With the context path where there is one, as `checked_url` accepts it.
        name: What the server is called in messages.
        auth: Who asks.
        options: Limits of time and size.
    """

    def inspect(answer: Answer) -> Answer:
        if answer.status == 403 and "captcha" in answer.headers.get("x-authentication-denied-reason", "").lower():
            raise ActionRequired(
                "captcha",
                f"{name} asks for a CAPTCHA after failed logins (403): log in once in the browser, then resume.",
            )
        if not auth.anonymous and "AUTHENTICATED_FAILED" in answer.headers.get("x-seraph-loginreason", ""):
            # Jira then answers as to an anonymous user: with 200, and only the issues that are public.
            return replace(answer, status=401)
        return answer

    return HttpClient(base_url, name, authorize=auth.headers, inspect=inspect, options=options)
