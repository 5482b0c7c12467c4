"""Small archives of issues, pull requests, commits and incidents that a test can change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

TOPICS = [
    (
        "Checkout fails when the connection pool is exhausted",
        "PostgreSQL refuses new connections after midnight.",
    ),
    (
        "Label renderer is killed by the kernel",
        "OOMKilled: the PDF cache keeps every page of a manifest in memory.",
    ),
    ("Search nodes run out of disk", "ENOSPC while merging segments, the old indices were never removed."),
    (
        "Certificate of the edge gateway expired",
        "x509: certificate has expired, browsers refuse the tracking page.",
    ),
    (
        "Notifications arrive hours late",
        "The queue grows during the evening peak, consumers keep rebalancing.",
    ),
    ("Login loops after the deployment", "The new release signs session cookies with another key."),
]


def issue(number: int, title: str, body: str, **changes: Any) -> dict[str, Any]:
    """A GitHub REST issue."""
    day = f"2025-03-{number % 27 + 1:02d}T10:00:00Z"
    return {
        "id": 1000 + number,
        "number": number,
        "url": f"https://api.github.com/repos/harbor/platform/issues/{number}",
        "title": title,
        "body": body,
        "state": "closed",
        "labels": [{"name": "bug"}],
        "user": {"login": "mira"},
        "created_at": day,
        "updated_at": day,
        **changes,
    }


def incident(name: str, body: str, number: int = 1, status: str = "investigating") -> dict[str, Any]:
    """A Statuspage incident."""
    day = f"2026-01-{number:02d}T08:00:00Z"
    return {
        "id": f"inc{number}",
        "name": name,
        "status": status,
        "impact": "major",
        "created_at": day,
        "updated_at": day,
        "incident_updates": [{"id": f"u{number}", "status": status, "body": body, "created_at": day}],
        "components": [{"name": "checkout"}],
    }


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """A JSONL file."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder with six issues and one open incident that resembles the first."""
    folder = tmp_path / "archive"
    folder.mkdir()
    write_lines(folder / "issues.jsonl", [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)])
    write_lines(
        folder / "incidents.jsonl",
        [incident("Checkout errors", "Checkout answers 500: connection pool exhausted on the database.")],
    )
    return folder


@pytest.fixture
def tenant(precedent: Callable[..., tuple[int, str, str]]) -> str:
    """A tenant of the test's own."""
    name = f"t-{uuid4().hex[:8]}"
    assert precedent("tenant", "add", name)[0] == 0
    return name
