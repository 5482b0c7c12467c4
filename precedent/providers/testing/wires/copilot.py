"""The wire of GitHub Copilot: a token of the device flow buys a short one, which the chat wants."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from precedent.providers.base import Capability
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.wires.base import bearer
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.testing.loopback import Request

EXCHANGE = "/copilot_internal/v2/token"
SHORT_TOKEN = "tid=contract;exp=1;sku=test"  # noqa: S105 - lives on loopback only


class CopilotWire(OpenAIWire):
    """The exchange of tokens, and a chat in OpenAI's protocol that wants an editor's headers.

    Attributes:
        exchange_fails: Whether behaviours apply to the exchange as well.
        lifetime_s: Of the short token.
    """

    models: ClassVar[Mapping[Capability, str]] = {Capability.TEXT_GENERATION: "gpt-4.1"}

    def __init__(
        self, key: str = "gho_of-the-contract-0123456789", *, exchange_fails: bool = False, lifetime_s: float = 1500.0
    ) -> None:
        super().__init__(key)
        self.exchange_fails = exchange_fails
        self.lifetime_s = lifetime_s

    def base_url(self, url: str) -> str:
        """See `Wire.base_url`."""
        return url

    def options(self, url: str) -> dict[str, Any]:
        """See `Wire.options`."""
        return {"token_url": url + EXCHANGE}

    def untouched(self, request: Request) -> bool:
        """See `Responder.untouched`."""
        return request.path == EXCHANGE and not self.exchange_fails

    def authorised(self, request: Request) -> bool:
        """See `Wire.authorised`."""
        if request.path == EXCHANGE:
            return request.headers.get("authorization") == f"token {self.key}"
        return bearer(request) == SHORT_TOKEN and "editor-version" in request.headers

    def respond(self, request: Request, step: Step) -> Reply:
        """The exchange, or what OpenAI's protocol answers."""
        if request.path != EXCHANGE:
            if self.authorised(request) and "copilot-integration-id" not in request.headers:
                return self.error(400, "missing Copilot-Integration-Id header")
            return super().respond(request, step)
        if not self.authorised(request):
            return Reply({"message": "Bad credentials", "status": "401"}, 401)
        if step.behaviour is Behaviour.STATUS:
            return Reply({"message": step.message or "Something failed"}, step.status)
        return Reply({"token": SHORT_TOKEN, "expires_at": int(time.time() + self.lifetime_s), "refresh_in": 1200})

    def overflow(self) -> Reply:
        """See `Wire.overflow`."""
        message = "prompt token count of 140000 exceeds the limit of 128000"
        return self.error(400, message, code="model_max_prompt_tokens_exceeded")
