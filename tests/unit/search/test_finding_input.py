from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.cli.search.input import filters_of, read_batch
from precedent.errors import UsageError
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode
from precedent.search.service import Query


def test_words_become_filters() -> None:
    found = filters_of(
        kinds=["issue"],
        sources=["jira"],
        states=["Open"],
        labels=["bug"],
        authors=["mira"],
        after="2025-01-01",
        before="2026-01-31T12:00:00+02:00",
        updated_since="2025-06-01",
        exclude=["x#1"],
    )
    assert found.after == datetime(2025, 1, 1, tzinfo=UTC)
    assert found.before == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert (found.kinds, found.states, found.exclude) == (("issue",), ("Open",), ("x#1",))
    assert filters_of() == Filters()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kinds": ["poem"]}, "There is no kind 'poem': choose from issue, pull_request, commit, incident, release."),
        ({"before": "yesterday"}, "'yesterday' is no ISO 8601 date"),
        ({"after": "2026-13-01"}, "is no ISO 8601 date"),
        ({"updated_since": "soon"}, "is no ISO 8601 date"),
        ({"states": [" "]}, "The state to filter by is empty"),
        ({"labels": [""]}, "leave --label out"),
        ({"after": "2026-02-01", "before": "2026-01-01"}, "exchange the two"),
    ],
)
def test_a_wrong_filter_says_what_to_write(words: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        filters_of(**words)  # type: ignore[arg-type]
    assert message in str(caught.value)


def batch(tmp_path: Path, *lines: str, default: Query | None = None) -> list[tuple[object, Query]]:
    path = tmp_path / "queries.jsonl"
    path.write_text("\n".join(lines))
    return read_batch(path, default or Query(""))


def test_a_line_has_all_filters_by_either_name(tmp_path: Path) -> None:
    ((name, query),) = batch(
        tmp_path,
        '{"id": 1, "query": "x", "kind": "issue", "states": ["open", "new"], "label": ["bug"], "author": "mira", '
        '"sources": ["jira"], "after": "2025-01-01", "updated_since": "2025-02-01", "mode": "text", "rerank": true}',
    )
    assert name == 1
    assert query.mode is Mode.TEXT
    assert query.rerank
    assert query.filters == Filters(
        kinds=("issue",),
        sources=("jira",),
        states=("open", "new"),
        labels=("bug",),
        authors=("mira",),
        after=datetime(2025, 1, 1, tzinfo=UTC),
        updated_since=datetime(2025, 2, 1, tzinfo=UTC),
    )


def test_a_line_takes_the_options_of_the_call_where_it_is_silent(tmp_path: Path) -> None:
    default = Query("", 3, Mode.VECTOR, filters_of(kinds=["commit"], states=["open"]))
    ((_, query),) = batch(tmp_path, '{"id": 1, "query": "x", "kinds": ["issue"], "more": "ignored"}', default=default)
    assert (query.k, query.mode) == (3, Mode.VECTOR)
    assert (query.filters.kinds, query.filters.states) == (("issue",), ("open",))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not a query"),
        ("[]", "it is no object"),
        ('{"id": 1}', "'query' is missing"),
        ('{"query": "x"}', "'id' is missing"),
        ('{"id": 1, "query": 5}', "query must be text"),
        ('{"id": 1, "query": "x", "k": 0}', "k must be from 1 to 1000"),
        ('{"id": 1, "query": "x", "k": "many"}', "k must be from 1 to 1000"),
        ('{"id": 1, "query": "x", "mode": "magic"}', "'magic' is not a valid Mode"),
        ('{"id": 1, "query": "x", "kinds": {"a": 1}}', "kinds must be a list of words"),
        ('{"id": 1, "query": "x", "kinds": ["poem"]}', "There is no kind 'poem'"),
        ('{"id": 1, "query": "x", "before": 7}', "before must be text"),
        ('{"id": 1, "query": "x", "rerank": "yes"}', "rerank must be true or false"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        batch(tmp_path, '{"id": 0, "query": "fine"}', line)
    assert str(caught.value).startswith("Line 2 of the batch")
    assert message in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_batch(tmp_path / "nothing.jsonl", Query(""))
