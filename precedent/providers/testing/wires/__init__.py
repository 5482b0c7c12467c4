"""One wire a protocol: what the provider answers, in its own words."""

from precedent.providers.testing.behaviour import vector_of
from precedent.providers.testing.wires.anthropic import AnthropicWire
from precedent.providers.testing.wires.base import Wire
from precedent.providers.testing.wires.copilot import CopilotWire
from precedent.providers.testing.wires.gemini import GeminiWire
from precedent.providers.testing.wires.mistral import MistralWire
from precedent.providers.testing.wires.ollama import OllamaWire
from precedent.providers.testing.wires.openai import AzureWire, GatewayWire, GrokWire, OpenAIWire

__all__ = [
    "WIRES",
    "AnthropicWire",
    "AzureWire",
    "CopilotWire",
    "GatewayWire",
    "GeminiWire",
    "GrokWire",
    "MistralWire",
    "OllamaWire",
    "OpenAIWire",
    "Wire",
    "vector_of",
]

# By driver.
WIRES: dict[str, type[Wire]] = {
    "openai": OpenAIWire,
    "azure_openai": AzureWire,
    "grok": GrokWire,
    "gateway": GatewayWire,
    "copilot": CopilotWire,
    "claude": AnthropicWire,
    "gemini": GeminiWire,
    "mistral": MistralWire,
    "ollama": OllamaWire,
}
