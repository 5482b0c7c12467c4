"""A real LiteLLM proxy on loopback, for the tests that are run where PRECEDENT_TEST_LITELLM names its command."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LITELLM = os.environ.get("PRECEDENT_TEST_LITELLM", "")
START_S = 240
OPT_IN = [
    pytest.mark.litellm,
    pytest.mark.skipif(
        not (LITELLM and shutil.which(LITELLM)), reason="opt-in: PRECEDENT_TEST_LITELLM names no LiteLLM command"
    ),
]


@contextmanager
def proxy_of(folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """A proxy with this configuration; modules that it names lie in the folder. Gives the address of its API."""
    path, log = folder / "config.yaml", folder / "log"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [LITELLM, "--config", path, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as peer,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/health/liveliness", peer, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            peer.terminate()


def _wait_for(url: str, peer: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and peer.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"The proxy does not start: {log.read_text(encoding='utf-8')[-2000:]}")
