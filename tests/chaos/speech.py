"""What a command may say when something it needs was killed: sentences, and how to go on."""

import re

RAW = re.compile(
    r"Traceback|psycopg|sqlalchemy|dagster\._|Exception\b|Unexpected \w+Error|server closed|could not connect"
)
GOES_ON = re.compile(r"again|doctor|precedent |is in |See ")
LONGEST = 300


def badly_said(text: str) -> list[str]:
    """What is wrong with the output of a command that failed; its last line is the reason."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [f"it prints {line[:LONGEST]!r}" for line in lines if RAW.search(line)]
    if not lines or not lines[-1].rstrip().endswith(".") or not GOES_ON.search(lines[-1]):
        found.append(f"its last line does not say how to go on: {lines[-1][:LONGEST] if lines else ''!r}")
    return found
