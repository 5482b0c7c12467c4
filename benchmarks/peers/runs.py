"""Processes and what they cost: seconds from start to end, and the most memory they had at once."""

import json
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.setting import ROOT
from precedent.security.redaction import scrub

LONGEST_REASON = 200
LIMIT_SECONDS = 3 * 3600
# Nothing is asked of the network and nobody is told: all that the tools read lies in files.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "DO_NOT_TRACK": "1",
    "COCOINDEX_DISABLE_USAGE_TRACKING": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
}


class NotMeasuredError(Exception):
    """Why a tool has no figures."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One process: seconds from its start to its end, seconds of the work in it, the most memory in MB."""

    seconds: float
    inside: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool did.

    Attributes:
        tool: Its name.
        cut: How it cut.
        passages: How many passages it has for the issues.
        tokens: How many tokens these have, the special ones included.
        lost: How many of them the model does not read.
        embedded: How many tokens the model read in the first run.
        index: What answers a search for the nearest.
        runs: The first load, the load of the same, the load after some issues changed.
        hits: Of how many queries something relevant was found, by the way of searching.
        versions: Of its packages.
    """

    tool: str
    cut: str
    passages: int
    tokens: int
    lost: int
    embedded: int
    index: str
    runs: tuple[Spent, Spent, Spent]
    hits: dict[str, int]
    versions: dict[str, str] = field(default_factory=dict)


def measured(command: list[str], given: str = "") -> tuple[str, float, float]:
    """What a command prints, its seconds and its peak memory in MB.

    Raises:
        NotMeasuredError: it failed or took too long; says what it said last.
    """
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=os.environ | OFFLINE
        ) as process:
            limit = threading.Timer(LIMIT_SECONDS, process.kill)
            limit.start()
            output = said(process, given)
            _, status, usage = os.wait4(process.pid, 0)
            limit.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        if process.returncode:
            errors.seek(0)
            raise NotMeasuredError(reason(errors.read().decode(errors="replace") or output, process.returncode))
    return output, seconds, usage.ru_maxrss / 1024


def said(process: "subprocess.Popen[bytes]", given: str) -> str:
    """Hand a process its input and read what it prints until it ends."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        process.stdin.write(given.encode())
        process.stdin.close()
    except BrokenPipeError:  # it ended before it read; its exit status and what it said tell why
        process.stdin = None
    return process.stdout.read().decode(errors="replace")


def reason(text: str, status: int) -> str:
    """The last line that a failed process wrote, without secrets."""
    lines = [line.strip() for line in scrub(text).splitlines() if line.strip()]
    return lines[-1][:LONGEST_REASON] if lines else f"it ended with status {status} and said nothing"


def last_line(output: str) -> dict[str, Any]:
    """The JSON object that a script prints last; libraries may print before it.

    Raises:
        NotMeasuredError: there is none.
    """
    lines = output.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        raise NotMeasuredError("it printed no answer") from None
    if not isinstance(answer, dict):
        raise NotMeasuredError("it printed no answer")
    return answer
