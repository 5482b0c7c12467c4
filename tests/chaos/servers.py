"""The servers of a round, each a process that may be killed: `python -m tests.chaos.servers NAME PORT FOLDER`."""

import hashlib
import json
import math
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

from precedent.providers.testing.behaviour import Reply, Step
from precedent.providers.testing.server import LoopbackServer as ProviderServer
from precedent.providers.testing.wires.base import Vectors
from precedent.providers.testing.wires.openai import GatewayWire
from precedent.testing.loopback import LoopbackServer, Request
from tests.chaos.records import fill
from tests.integration.providers.provider_servers import RECOMMENDATION
from tests.integration.qdrant.qdrant_wire import QdrantWire
from tests.servers.github import GitHubServer

NAMES = ("provider", "github", "qdrant")
KEY = "key-of-the-chaos-0123456789"
DIMENSIONS = 64
# As a provider takes its time: without it a kill would never fall into a call.
PAUSE_S = 0.03
FIRST_TOKENS = 1_000
FENCE = re.compile(r"data-[0-9a-f]{12}")
WORD = re.compile(r"\w+")


class PaidWire(GatewayWire):
    """A gateway that counts another number of tokens for each answer and writes down what it charged for.

    By the number each row of the ledger belongs to one answer. Vectors follow from the words, so that texts alike are
    neighbours, and an analysis from the prompt, so that another prompt is seen.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(KEY)
        self._log = log
        self._lock = threading.Lock()
        self._answered = len(read_log(log))

    def respond(self, request: Request, step: Step) -> Reply:
        """The answer, after the pause."""
        time.sleep(PAUSE_S)
        if self.asks_text(request):
            said = RECOMMENDATION["recommendations"][0] | {"title": f"Look at {_digest(request.json['messages'])}"}
            step = Step(answer={"recommendations": [said]})
        return super().respond(request, step)

    def wanted_dimensions(self, request: Request) -> int:
        """Always the same."""
        return DIMENSIONS

    def embedding(self, request: Request, vectors: Vectors) -> Reply:
        """Vectors of words."""
        texts = request.json["input"]
        return super().embedding(request, [(place, vector_of_words(text)) for place, text in enumerate(texts)])

    def priced(self, body: dict[str, Any]) -> Reply:
        """The answer with tokens of its own, which are on the log before it is sent."""
        with self._lock:
            self._answered += 1
            tokens = FIRST_TOKENS + self._answered
            inputs = len(body["data"]) if "data" in body else 1
            with self._log.open("a") as log:
                log.write(
                    json.dumps({"tokens": tokens, "kind": body["object"], "inputs": inputs, "at": time.time()}) + "\n"
                )
        return Reply(body | {"usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}})


def read_log(path: Path) -> list[dict[str, Any]]:
    """What the provider has charged for; a line that a kill has cut was not sent."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def vector_of_words(text: str) -> list[float]:
    """A vector of length one in which each word has its place."""
    values = [0.0] * DIMENSIONS
    for word in WORD.findall(text.lower()):
        digest = hashlib.sha256(word.encode()).digest()
        values[digest[0] % DIMENSIONS] += 1.0 if digest[1] % 2 else -1.0
    # Two texts of the same words in another order are not the same text.
    values[hashlib.sha256(text.encode()).digest()[0] % DIMENSIONS] += 0.1
    norm = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / norm for value in values]


class SlowQdrant(QdrantWire):
    """A Qdrant that takes its time. It keeps its points in memory: killed, it has lost all of them."""

    def serve(self, request: Request) -> Any:
        """The answer, after a pause."""
        time.sleep(PAUSE_S / 10)
        return super().serve(request)


class SlowGitHub(GitHubServer):
    """A GitHub with the records of a round, which takes its time."""

    def __init__(self) -> None:
        super().__init__("octo/chaos")
        fill(self.repository)

    def serve(self, request: Request) -> Any:
        """The answer, after a pause."""
        time.sleep(PAUSE_S / 3)
        return super().serve(request)


def main(name: str, port: int, folder: Path) -> None:
    """Serve until the process is killed."""
    LoopbackServer.port = port
    makers = {
        "provider": lambda: ProviderServer(PaidWire(folder / "provider.log")),
        "github": SlowGitHub,
        "qdrant": lambda: SlowQdrant(KEY),
    }
    with makers[name]() as server:
        print(server.url, flush=True)
        server.closing.wait()


def _digest(value: Any) -> str:
    # The fences are named after all of the evidence, its scores to the last digit included.
    text = FENCE.sub("", json.dumps(value, sort_keys=True))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
