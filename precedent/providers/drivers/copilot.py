"""Driver `copilot` (experimental): GitHub Copilot's chat, which has no official interface.

A token of the device flow is exchanged for one that lives about half an hour; requests carry an editor's headers.
"""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precedent.providers.base import Capability, DriverInfo, ModelInfo
from precedent.providers.classification import classify
from precedent.providers.config.provider import Provider
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.security.redaction import register_secret

if TYPE_CHECKING:
    from openai import OpenAI

EXCHANGE = "https://api.github.com/copilot_internal/v2/token"
EARLY_S = 120.0
# What the endpoint expects of an editor.
EDITOR = {"Editor-Version": "vscode/1.104.0", "Copilot-Integration-Id": "vscode-chat"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """The key would go to another address."""


WITHOUT_REDIRECTS = urllib.request.build_opener(_NoRedirect)


class CopilotDriver(OpenAIDriver):
    """GitHub Copilot, as an editor would call it."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="copilot",
        title="GitHub Copilot",
        capabilities=frozenset({Capability.TEXT_GENERATION}),
        sdk="openai",
        extra="copilot",
        base_url="https://api.githubcopilot.com",
        experimental=True,
        default_models={Capability.TEXT_GENERATION: "gpt-4.1"},
    )

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._lock = threading.Lock()
        self._token, self._ends = "", 0.0

    @cached_property
    def client(self) -> "OpenAI":
        """The SDK's client; it asks for the current token at every request."""
        from openai import DefaultHttpxClient, OpenAI

        return OpenAI(
            api_key=self._current,
            base_url=self.address,
            timeout=self.provider.performance.timeout_s,
            max_retries=0,
            default_headers=EDITOR,
            http_client=DefaultHttpxClient(follow_redirects=False),
        )

    def generate(self, request: GenerationRequest) -> Completion:
        """Answer one request; a token is fetched first where the last one ends soon."""
        self._current()
        return super().generate(request)

    def models(self) -> list[ModelInfo]:
        """The models of the subscription."""
        self._current()
        return super().models()

    def _current(self) -> str:
        with self._lock:
            if time.time() >= self._ends - EARLY_S:
                self._token, self._ends = self._exchanged()
                register_secret(self._token)
            return self._token

    def _exchanged(self) -> tuple[str, float]:
        """A short-lived token and the Unix time of its end."""
        address = self.provider.options.token_url or EXCHANGE
        if not address.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ProviderError(FailureKind.CONFIGURATION, "token_url must be an https address.")
        headers = {"Authorization": f"token {self.provider.api_key}", **EDITOR}
        request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the scheme was checked
        try:
            with WITHOUT_REDIRECTS.open(request, timeout=self.provider.performance.timeout_s) as answer:
                bought = json.load(answer)
            return str(bought["token"]), float(bought["expires_at"])
        except urllib.error.HTTPError as error:
            found = classify(error)
            raise ProviderError(
                FailureKind.AUTHENTICATION if error.code == 404 else found.kind,
                f"HTTP {error.code}: the token was not exchanged for a Copilot token.",
                status=error.code,
                retry_after=found.retry_after,
            ) from None
        except TimeoutError as error:
            raise ProviderError(FailureKind.TIMEOUT, "The exchange of the token took too long.") from error
        except (OSError, http.client.HTTPException) as error:
            raise ProviderError(FailureKind.CONNECTION, f"No connection for the token: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ProviderError(FailureKind.INVALID_ANSWER, "The exchange answered in another shape.") from error
