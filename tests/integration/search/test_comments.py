"""Comments are searched by passages and words of their own, and lead to the item that they are on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.conftest import TOPICS, issue, write_lines

Call = Callable[..., tuple[int, str, str]]
SAID = [
    "Same here since the update of Tuesday.",
    "It happens only behind the corporate proxy.",
    "The scheduler prints ORA-00942 in the night.",
    "Restarting the gearbox daemon helps for an hour.",
    "A heap dump is attached.",
    "Thanks, closing.",
]


def comment(number: int, on: int, body: str, **changes: Any) -> dict[str, Any]:
    """A GitHub REST comment."""
    address = f"https://api.github.com/repos/harbor/platform/issues/{on}"
    day = f"2025-05-{number:02d}T10:00:00Z"
    return {
        "id": 5000 + number,
        "issue_url": address,
        "url": f"{address}/comments/{5000 + number}",
        "html_url": f"https://github.com/harbor/platform/issues/{on}#issuecomment-{5000 + number}",
        "body": body,
        "user": {"login": "tove"},
        "created_at": day,
        "updated_at": day,
        **changes,
    }


@pytest.fixture
def folder(archive: Path) -> Path:
    """The archive, with six comments on its first issue and one by a program."""
    said = [comment(n, 1, text) for n, text in enumerate(SAID, start=1)]
    bot = comment(7, 1, "Coverage fell by 2 %.", user={"login": "codecov[bot]", "type": "Bot"})
    write_lines(archive / "comments.jsonl", [*said, bot])
    return archive


@pytest.fixture
def source(precedent: Call, tenant: str, folder: Path) -> str:
    assert precedent("source", "add", f"{tenant}/records", folder)[0] == 0
    refreshed(precedent, f"{tenant}/records")
    return f"{tenant}/records"


def refreshed(precedent: Call, key: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", key, "--json")
    assert code == 0, error
    layers: dict[str, Any] = json.loads(out)["layers"]
    return layers


def found(precedent: Call, source: str, *arguments: object) -> list[dict[str, Any]]:
    code, out, error = precedent("search", *arguments, "--tenant", source.split("/")[0], "--json")
    assert code == 0, error
    results: list[dict[str, Any]] = json.loads(out)
    return results


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
@pytest.mark.parametrize(("query", "said"), [("gearbox daemon restarted", 4), ("proxy of the company", 2)])
def test_every_comment_is_found_and_leads_to_its_item(
    precedent: Call, source: str, mode: str, query: str, said: int
) -> None:
    first = found(precedent, source, query, "--mode", mode)[0]
    assert (first["external_id"], first["title"]) == ("harbor/platform#1", TOPICS[0][0])
    assert first["snippet"] == SAID[said - 1]
    assert first["comment"] == {
        "external_id": f"comment:{5000 + said}",
        "author": "tove",
        "url": f"https://github.com/harbor/platform/issues/1#issuecomment-{5000 + said}",
        "created_at": f"2025-05-{said:02d}T10:00:00+00:00",
    }


def test_a_result_by_its_own_text_names_no_comment(precedent: Call, source: str) -> None:
    first = found(precedent, source, "PostgreSQL refuses connections after midnight")[0]
    assert (first["external_id"], first["comment"]) == ("harbor/platform#1", None)


def test_what_a_program_wrote_is_not_searched(precedent: Call, source: str) -> None:
    assert found(precedent, source, "coverage", "--mode", "text") == []


def test_what_was_said_later_is_not_found_by_what_was_known_before(precedent: Call, source: str) -> None:
    for mode in ("text", "vector"):
        results = found(precedent, source, "gearbox daemon", "--mode", mode, "--before", "2025-05-03T00:00:00Z")
        assert not any(item["comment"] and item["comment"]["external_id"] == "comment:5004" for item in results)
    assert found(precedent, source, "gearbox", "--mode", "text", "--before", "2025-05-03T00:00:00Z") == []
    assert found(precedent, source, "gearbox", "--mode", "text", "--before", "2025-06-01T00:00:00Z")


def test_an_edit_of_the_fourth_comment_embeds_its_passage_only(precedent: Call, source: str, folder: Path) -> None:
    said = [comment(n, 1, text) for n, text in enumerate(SAID, start=1)]
    said[3] = comment(4, 1, "Restarting the flywheel helps for an hour.", updated_at="2025-06-01T10:00:00Z")
    write_lines(folder / "comments.jsonl", said)
    layers = refreshed(precedent, source)
    assert layers["text/documents"]["rows/changed"] == 0
    assert layers["text/chunks"]["documents/cut"] == 1
    assert layers["vectors/embeddings"]["rows/added"] == 1
    assert found(precedent, source, "flywheel", "--mode", "text")[0]["comment"]["external_id"] == "comment:5004"
    assert found(precedent, source, "gearbox", "--mode", "text") == []


def test_a_comment_that_disappears_is_not_found_any_more(precedent: Call, source: str, folder: Path) -> None:
    write_lines(folder / "comments.jsonl", [comment(n, 1, SAID[n - 1]) for n in (1, 2)])
    layers = refreshed(precedent, source)
    assert layers["vectors/embeddings"]["rows/deleted"] == 4
    assert found(precedent, source, "gearbox", "--mode", "text") == []


def test_another_title_stands_above_the_passages_of_comments(
    precedent: Call, source: str, folder: Path, owner_dsn: str
) -> None:
    issues = [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)]
    write_lines(folder / "issues.jsonl", [{**issues[0], "title": "The pool is empty"}, *issues[1:]])
    refreshed(precedent, source)
    with psycopg.connect(owner_dsn) as connection:
        titles = connection.execute(
            "SELECT DISTINCT split_part(c.text, E'\\n', 1) FROM chunks c JOIN integrations i ON i.id = c.source_id "
            "JOIN tenants t ON t.id = i.tenant_id WHERE t.name = %s AND c.comment_id IS NOT NULL",
            (source.split("/")[0],),
        ).fetchall()
    assert titles == [("The pool is empty",)]


def test_a_thread_does_not_drown_its_item(precedent: Call, source: str, folder: Path) -> None:
    chatter = [comment(n % 27 + 1, 2, f"{SAID[n % 6]} {n}", id=9000 + n) for n in range(300)]
    write_lines(folder / "chatter.jsonl", chatter)
    layers = refreshed(precedent, source)
    assert layers["text/documents"]["text/comments"] == 300
    assert found(precedent, source, TOPICS[1][0], "--mode", "text")[0]["external_id"] == "harbor/platform#2"
    assert found(precedent, source, TOPICS[0][0], "--mode", "text")[0]["external_id"] == "harbor/platform#1"
