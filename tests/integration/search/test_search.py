"""`search` on the command line: filters, modes, snippets, scores of the legs, reranking."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precedent.database.session import Database
from precedent.providers.runtime.embedder import Embedder
from precedent.search import service
from precedent.search.query_vectors import embed_queries
from precedent.search.retrieval import Mode
from precedent.search.service import Query, Searcher
from precedent.settings import Settings
from tests.integration.conftest import TOPICS, incident, issue, write_lines

Call = Callable[..., tuple[int, str, str]]
FACTS = [
    {"state": "open", "labels": [{"name": "bug"}], "user": {"login": "mira"}},
    {"state": "closed", "labels": [{"name": "Bug"}, {"name": "memory"}], "user": {"login": "noor"}},
    {"state": "open", "labels": [{"name": "disk"}], "user": {"login": "Noor"}},
    {"state": "closed", "labels": [], "user": {"login": "tove"}},
    {"state": "open", "labels": [{"name": "queue"}], "user": {"login": "mira"}, "updated_at": "2026-05-01T00:00:00Z"},
    {"state": "closed", "labels": [{"name": "login"}], "user": {"login": "mira"}},
]
IDENTIFIERS = "java.lang.NullPointerException in DiskBalancer.getConnection() at /var/log/hadoop/x.log, see HDFS-1234"


@pytest.fixture(scope="module")
def loaded(database: Database, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tenant with six issues, one that names identifiers, and an incident; loaded once."""
    from orchestration.cli import run

    folder = tmp_path_factory.mktemp("search") / "archive"
    folder.mkdir()
    issues = [issue(n, *topic, **facts) for n, (topic, facts) in enumerate(zip(TOPICS, FACTS, strict=True), start=1)]
    write_lines(folder / "issues.jsonl", [*issues, issue(7, "Balancing stops", f"It says {IDENTIFIERS}.")])
    write_lines(folder / "incidents.jsonl", [incident("Checkout errors", "connection pool exhausted on the database.")])
    assert run(["tenant", "add", "search-tests"]) == 0
    assert run(["source", "add", "search-tests/records", str(folder)]) == 0
    assert run(["refresh", "search-tests/records", "--json"]) == 0
    return "search-tests"


def numbers(results: list[dict[str, Any]]) -> set[str]:
    return {result["external_id"].rpartition("#")[2] for result in results}


@pytest.fixture
def ask(precedent: Call, loaded: str) -> Callable[..., list[dict[str, Any]]]:
    def call(*arguments: object) -> list[dict[str, Any]]:
        code, out, error = precedent("search", *arguments, "--tenant", loaded, "--json", "-k", "20")
        assert code == 0, error
        found: list[dict[str, Any]] = json.loads(out)
        return found

    return call


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--kind", "incident"], {"inc1"}),
        (["--kind", "issue", "--state", "OPEN"], {"1", "3", "5"}),
        (["--state", "closed", "--label", "bug"], {"2", "7"}),
        (["--label", "memory", "--label", "queue"], {"2", "5"}),
        (["--author", "noor"], {"2", "3"}),
        (["--after", "2025-03-05T10:00:00Z", "--kind", "issue"], {"4", "5", "6", "7"}),
        (["--before", "2025-03-05T10:00:00Z"], {"1", "2", "3"}),
        (["--updated-since", "2026-01-02"], {"5"}),
        (["--exclude", "inc1", "--exclude", "harbor/platform#1", "--before", "2025-03-04"], {"2"}),
        (["--source", "records", "--kind", "incident"], {"inc1"}),
    ],
)
def test_filters_hold_in_both_legs(ask: Any, mode: Mode, options: list[str], expected: set[str]) -> None:
    # Every document has one of these words, so that the text leg finds what the filter leaves.
    words = "pool renderer disk certificate queue login balancing checkout"
    assert numbers(ask(words, "--mode", mode, *options)) == expected


def test_a_line_of_a_batch_has_the_same_filters(precedent: Call, loaded: str, tmp_path: Path) -> None:
    batch = tmp_path / "queries.jsonl"
    lines = [
        {"id": 1, "query": "pool", "states": ["open"], "labels": ["bug"]},
        {"id": 2, "query": "pool", "author": "noor", "after": "2025-03-04"},
        {"id": 3, "query": "pool", "updated_since": "2026-01-02", "kinds": ["issue"]},
    ]
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, error = precedent("search", "--batch", batch, "--tenant", loaded)
    assert code == 0, error
    answers = [numbers(json.loads(line)["results"]) for line in out.splitlines()]
    assert answers == [{"1"}, {"3"}, {"5"}]


@pytest.mark.parametrize(
    "query",
    ["NullPointerException", "pointer", "HDFS-1234", "getConnection", "/var/log/hadoop/x.log", "disk balancer", "1234"],
)
def test_identifiers_are_found_by_whole_and_part(ask: Any, query: str) -> None:
    assert ask(query, "--mode", "text")[0]["external_id"] == "harbor/platform#7"


def test_a_document_is_found_by_its_id(ask: Any) -> None:
    assert [item["external_id"] for item in ask("harbor/platform#4", "--mode", "text")][:1] == ["harbor/platform#4"]


def test_each_leg_says_what_it_thought(ask: Any) -> None:
    first, *_, last = ask("the kernel killed the renderer, out of memory")
    assert first["external_id"] == "harbor/platform#2"
    assert (first["vector_rank"], first["text_rank"]) == (1, 1)
    assert first["score"] == pytest.approx(1.0)
    assert first["vector_score"] < 1
    assert first["text_score"] > 0
    assert (last["text_score"], last["text_rank"]) == (None, None)
    assert last["vector_score"] is not None
    (only,) = ask("renderer", "--mode", "text")
    assert (only["vector_score"], only["score"]) == (None, only["text_score"])


def test_snippets_are_plain_in_json_and_marked_for_people(
    precedent: Call, ask: Any, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    from orchestration.cli import output

    found = ask("refuses connections", "--mode", "text")[0]
    assert "PostgreSQL refuses new connections after midnight." in found["snippet"]
    assert "marks" not in found
    console = Console(record=True, width=120, force_terminal=True)
    monkeypatch.setattr(output, "console", lambda: console)
    assert precedent("search", "refuses connections", "--mode", "text", "--tenant", loaded)[0] == 0
    shown = console.export_text(styles=True)
    assert "\x1b[1;33mrefuses\x1b[0m new \x1b[1;33mconnections\x1b[0m" in shown
    assert "words" in shown
    assert "harbor/platform#1" in shown


def test_a_title_that_looks_like_markup_is_shown_as_it_is(precedent: Call, tenant: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "issues.jsonl", [issue(1, "[red]Array[0][/red] is empty", "See [link=x]here[/link].")])
    precedent("source", "add", f"{tenant}/records", tmp_path)
    assert precedent("refresh", f"{tenant}/records", "--json")[0] == 0
    code, out, _ = precedent("search", "array", "--tenant", tenant, "--mode", "text")
    assert code == 0
    assert "[red]Array[0][/red] is empty" in out


def test_words_alone_need_neither_model_nor_vectors(
    precedent: Call, tenant: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precedent("source", "add", f"{tenant}/records", archive)
    assert precedent("refresh", f"{tenant}/records", "--select", "raw", "--select", "text", "--json")[0] == 0

    def none(*_: object) -> None:
        raise AssertionError("a model was asked for")

    monkeypatch.setattr(service, "open_space_embedder", none)
    code, out, error = precedent("search", "certificate", "--mode", "text", "--tenant", tenant, "--json")
    assert code == 0, error
    assert numbers(json.loads(out)) == {"4"}
    code, out, _ = precedent(
        "similar", "inc1", "--mode", "text", "--tenant", tenant, "--json", "--state", "closed", "-k", "1"
    )
    assert code == 0
    assert numbers(json.loads(out)) == {"1"}


def test_words_of_another_analyser_are_made_anew_by_a_refresh(
    precedent: Call, database: Database, tenant: str, archive: Path
) -> None:
    def found() -> set[str]:
        out = precedent("search", "certificate", "--mode", "text", "--tenant", tenant, "--json")[1]
        return numbers(json.loads(out))

    layers = ("--select", "raw", "--select", "text", "--json")
    precedent("source", "add", f"{tenant}/records", archive)
    assert precedent("refresh", f"{tenant}/records", *layers)[0] == 0
    assert found() == {"4"}
    with database.bulk(Searcher(database, tenant, Settings.from_environment()).tenant.id) as connection:
        connection.execute("UPDATE document_words SET version = 0, words = ''")
    assert found() == set()
    assert precedent("refresh", f"{tenant}/records", *layers)[0] == 0
    assert found() == {"4"}


def test_the_same_query_is_embedded_once(database: Database, loaded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def counting(provider: Embedder, texts: list[str]) -> Any:
        asked.append(list(texts))
        return embed_queries(provider, texts)

    monkeypatch.setattr(service, "embed_queries", counting)
    settings = Settings.from_environment()
    first = Searcher(database, loaded, settings).search(
        [Query("expired"), Query("expired"), Query("x", mode=Mode.TEXT)]
    )
    second = Searcher(database, loaded, settings).search([Query("expired"), Query("kernel")])
    assert asked == [["expired"], ["kernel"]]
    assert first[0] == first[1] == second[0]


def test_an_unknown_source_is_named(precedent: Call, loaded: str) -> None:
    code, _, error = precedent("search", "x", "--source", "nowhere", "--tenant", loaded)
    assert code == 1
    assert "search-tests has no source 'nowhere' (known: records)" in error


def tiny_cross_encoder(folder: Path, outputs: int = 1) -> Path:
    """A model of random weights in the form that cross-encoders are published in."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        num_labels=outputs,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)
    return folder


def test_a_cross_encoder_orders_the_first_results_anew(
    precedent: Call, ask: Any, database: Database, loaded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import CrossEncoder

    folder = tiny_cross_encoder(tmp_path / "model")
    monkeypatch.setenv("PRECEDENT_RERANKER", str(folder))
    plain = ask("connection pool")
    found = ask("connection pool", "--rerank")
    assert numbers(found) == numbers(plain)
    scores = [item["rerank_score"] for item in found]
    assert scores == sorted(scores, reverse=True) == [item["score"] for item in found]
    assert plain[0]["rerank_score"] is None
    # The model itself, asked for the same pairs, says the same.
    with database.bulk(Searcher(database, loaded, Settings.from_environment()).tenant.id) as connection:
        texts = dict(connection.execute("SELECT external_id, title || E'\\n' || text FROM documents").fetchall())
    pairs = [("connection pool", texts[item["external_id"]]) for item in found]
    assert scores == pytest.approx([float(score) for score in CrossEncoder(str(folder)).predict(pairs)], abs=1e-5)
    batch = tmp_path / "queries.jsonl"
    batch.write_text('{"id": 1, "query": "connection pool", "rerank": true, "k": 20}\n')
    code, out, _ = precedent("search", "--batch", batch, "--tenant", loaded)
    assert code == 0
    assert [item["external_id"] for item in json.loads(out)["results"]] == [item["external_id"] for item in found]


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (None, 2, "No reranker is configured: set PRECEDENT_RERANKER"),
        ("/does/not/exist", 2, "which is no folder"),
        ("empty", 1, "No cross-encoder can be loaded"),
        ("two outputs", 1, "has 2 outputs"),
    ],
)
def test_a_missing_or_wrong_reranker_is_one_sentence(
    precedent: Call,
    loaded: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    code: int,
    words: str,
) -> None:
    if value == "empty":
        (tmp_path / "model").mkdir()
        value = str(tmp_path / "model")
    elif value == "two outputs":
        value = str(tiny_cross_encoder(tmp_path / "model", outputs=2))
    if value:
        monkeypatch.setenv("PRECEDENT_RERANKER", value)
    found, out, error = precedent("search", "pool", "--rerank", "--tenant", loaded)
    assert found == code
    # A model library may warn before it; ours is the last line, and the only one of ours.
    assert words in error.strip().splitlines()[-1]
    assert (out, "Traceback" in error) == ("", False)
