"""A title that is asked for as it stands, and a word that only one item has, come first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import incident, issue, write_lines
from tests.integration.search.test_comments import comment

Call = Callable[..., tuple[int, str, str]]
# Siblings: the same words above, and more of them below each but the first.
SIBLINGS = [
    ("Delays of notifications", "Mails and messages arrive late."),
    ("Delays of notifications and webhooks", "Notifications: delays of notifications, delays of webhooks."),
    ("Delays of notifications in Europe", "Delays of notifications. Delays of mail notifications in Europe."),
    ("Notifications: delays of mail", "Delays of notifications; notifications of delays; all notifications."),
    ("Long delays of notifications", "Delays of notifications and delays of delays."),
    ("Crash of the uploader", "The uploader crashes. Crash after crash of the uploader while it uploads."),
    ("Uploader crash", "Crash of the uploader at every start of the uploader."),
]
LONG = "It was seen by many people on many days in many places, and nothing helped. " * 20


@pytest.fixture(scope="module")
def loaded(database: object, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tenant with siblings, and an item that names a word of its own far down; loaded once."""
    from orchestration.cli import run

    folder: Path = tmp_path_factory.mktemp("names") / "archive"
    folder.mkdir()
    texts = [*SIBLINGS, ("Night shift report", f"{LONG}The quuxalator stopped. {LONG}")]
    write_lines(folder / "issues.jsonl", [issue(n, *text) for n, text in enumerate(texts, start=1)])
    said = [comment(n, 8, f"The zorkmid counter says {n}.") for n in range(1, 6)]
    write_lines(folder / "comments.jsonl", said)
    write_lines(folder / "incidents.jsonl", [incident("Uploads fail", "The uploader is down.")])
    assert run(["tenant", "add", "name-tests"]) == 0
    assert run(["source", "add", "name-tests/records", str(folder)]) == 0
    assert run(["refresh", "name-tests/records", "--json"]) == 0
    return "name-tests"


def found(precedent: Call, loaded: str, *arguments: object) -> list[dict[str, Any]]:
    code, out, error = precedent("search", *arguments, "--tenant", loaded, "--json")
    assert code == 0, error
    results: list[dict[str, Any]] = json.loads(out)
    return results


@pytest.mark.parametrize("mode", ["text", "hybrid"])
@pytest.mark.parametrize("title", [title for title, _ in SIBLINGS])
def test_an_exact_title_comes_first(precedent: Call, loaded: str, mode: str, title: str) -> None:
    results = found(precedent, loaded, f" {title.lower()}", "--mode", mode)
    assert results[0]["title"] == title
    assert [item["score"] for item in results] == sorted((item["score"] for item in results), reverse=True)


@pytest.mark.parametrize("mode", ["text", "hybrid"])
@pytest.mark.parametrize("word", ["quuxalator", "zorkmid"])
def test_the_only_item_with_a_word_comes_first(precedent: Call, loaded: str, mode: str, word: str) -> None:
    query = f"uploader crash {word}"
    assert found(precedent, loaded, query, "--mode", mode)[0]["external_id"] == "harbor/platform#8"


def test_in_a_text_of_several_lines_a_rare_word_is_one_of_many(precedent: Call, loaded: str) -> None:
    query = "Crash of the uploader\nThe uploader crashes while it uploads, said the quuxalator."
    assert found(precedent, loaded, query, "--mode", "text")[0]["title"] == SIBLINGS[5][0]


def test_what_a_filter_leaves_out_is_not_brought_back(precedent: Call, loaded: str) -> None:
    results = found(precedent, loaded, "uploader crash quuxalator", "--kind", "incident")
    assert [item["kind"] for item in results] == ["incident"]
