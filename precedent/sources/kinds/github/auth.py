"""Credentials for GitHub: a token, or a GitHub App, whose tokens are renewed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from precedent.errors import ActionRequired, UsageError
from precedent.http.addresses import checked_url
from precedent.http.client import HttpClient, HttpOptions
from precedent.security.redaction import register_secret

PUBLIC = "https://api.github.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
# GitHub accepts an App's signature for ten minutes at most, and clocks differ.
SIGNED_FOR_S = 540
CLOCKS_DIFFER_S = 60
REFUSALS = frozenset({"unauthorized", "forbidden", "not_found", "gone", "refused"})


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


def connected(auth: GitHubAuth, base_url: str | None, options: HttpOptions) -> HttpClient:
    """A client of GitHub's REST interface; nothing is sent yet.

    Args:
        auth: Who asks.
        base_url: Of GitHub Enterprise, `https://host/api/v3`; None for the public one.
        options: Limits of time and size.

    Raises:
        UsageError: the base URL is not valid.
        ActionRequired: the private key of an App cannot be read.
    """
    base = PUBLIC if base_url is None else checked_url(base_url, "GitHub Enterprise")
    name = "GitHub" if base_url is None else f"GitHub at {urlsplit(base).hostname}"
    if auth.private_key is not None:
        return HttpClient(base, name, authorize=AppTokens(auth, base, name, options).headers, options=options)
    headers = HEADERS if auth.token is None else {**HEADERS, "Authorization": f"token {auth.token}"}
    return HttpClient(base, name, authorize=lambda: headers, options=options)


class AppTokens:
    """Tokens of a GitHub App's installation, each asked for when the one before it is about to end."""

    def __init__(self, auth: GitHubAuth, base_url: str, name: str, options: HttpOptions) -> None:
        if not _is_rsa_key(auth.private_key or ""):
            raise _unusable("its private key is not an RSA key in PEM form")
        self._auth = auth
        self._client = HttpClient(base_url, name, authorize=self._signed, options=options)
        self._token = ""
        self._ends = 0.0

    def headers(self) -> Mapping[str, str]:
        """The headers of a request, with a token that is good for a minute or more."""
        if time.time() > self._ends - CLOCKS_DIFFER_S:
            self._renew()
        return {**HEADERS, "Authorization": f"token {self._token}"}

    def _renew(self) -> None:
        path = f"/app/installations/{self._auth.installation_id}/access_tokens"
        try:
            given = self._client.post(path, what="token").data
        except ActionRequired as fault:
            if fault.code not in REFUSALS:
                raise
            raise _unusable(f"{self._client.name} gives it no token") from None
        finally:
            self._client.close()
        try:
            self._token, self._ends = str(given["token"]), datetime.fromisoformat(given["expires_at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise _unusable(f"{self._client.name} answers with a token of an unknown form") from None
        register_secret(self._token)

    def _signed(self) -> Mapping[str, str]:
        import jwt

        now = int(time.time())
        claims = {"iat": now - CLOCKS_DIFFER_S, "exp": now + SIGNED_FOR_S, "iss": self._auth.app_id}
        signed = jwt.encode(claims, self._auth.private_key or "", algorithm="RS256")
        return {**HEADERS, "Authorization": f"Bearer {signed}"}


def _is_rsa_key(text: str) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(text.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _unusable(reason: str) -> ActionRequired:
    return ActionRequired(
        "unauthorized",
        f"The GitHub App cannot be used: {reason}. Check its id, its installation and its private key.",
    )
