"""The text leg: BM25 to the last digit, exact counts whatever happens, the tenant's own and nobody else's."""

import math
import threading
from collections import Counter
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.search import lexical
from precedent.search.filters import Filters
from precedent.search.lexical import K1, TERMS, B, by_text, query_terms
from precedent.search.words import FREQUENCIES, document_words, query_words
from precedent.tenants import tenants as tenancy
from tests.integration.search import corpora

RECOUNT = """
SELECT w.tenant_id, lexeme, count(*)::integer FROM document_words w, unnest(tsvector_to_array(w.words)) AS lexeme
WHERE w.tenant_id = %s GROUP BY 1, 2
"""


@pytest.fixture
def owner(database: Database) -> int:
    return tenancy.add(database, f"lexical-{uuid4().hex[:8]}")[0].id


def counts(database: Database, dsn: str, tenant_id: int) -> tuple[Any, Any, Any, Any]:
    """Counts as kept and as counted anew, lexemes and corpus."""
    with psycopg.connect(dsn) as connection:
        kept = sorted(connection.execute("SELECT * FROM lexeme_counts WHERE tenant_id = %s", (tenant_id,)).fetchall())
        anew = sorted(connection.execute(RECOUNT, (tenant_id,)).fetchall())
        corpus = connection.execute(
            "SELECT documents, length FROM corpus_counts WHERE tenant_id = %s", (tenant_id,)
        ).fetchone()
        total = connection.execute(
            "SELECT count(*), coalesce(sum(length), 0) FROM document_words WHERE tenant_id = %s", (tenant_id,)
        ).fetchone()
    return kept, anew, corpus or (0, 0), total


def assert_exact(database: Database, dsn: str, tenant_id: int) -> None:
    kept, anew, corpus, total = counts(database, dsn, tenant_id)
    assert kept == anew
    assert corpus == total


def bm25(texts: list[tuple[str, str]], query: str) -> dict[str, float]:
    """The same in plain Python, from the definition."""
    held, lengths = [], []
    for place, (title, text) in enumerate(texts):
        words = document_words(1, f"doc-{place}", title, text)
        parts = (key.split("|") for key in words.keys)
        held.append({part[1]: FREQUENCIES[int(part[2])] for part in parts})
        lengths.append(words.length)
    having = Counter(lexeme for own in held for lexeme in own)
    average = sum(lengths) / len(lengths)
    weights = {
        lexeme: math.log(1 + (len(texts) - having[lexeme] + 0.5) / (having[lexeme] + 0.5)) * math.log1p(weight)
        for lexeme, weight in query_words(query).items()
        if lexeme in having
    }
    chosen = dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:TERMS])
    return {
        f"doc-{place}": sum(
            weight * own[lexeme] * (K1 + 1) / (own[lexeme] + K1 * (1 - B + B * length / average))
            for lexeme, weight in chosen.items()
            if lexeme in own
        )
        for place, (own, length) in enumerate(zip(held, lengths, strict=True))
        if set(chosen) & set(own)
    }


@pytest.mark.parametrize("way", ["entries", "refined", "scan"])
def test_scores_are_bm25_by_every_way_to_them(database: Database, owner: int, way: str) -> None:
    texts, parted = corpora.random_texts(400), 0
    with database.bulk(owner) as connection:
        corpora.write(connection, owner, corpora.source(connection, owner), texts)
        names = dict(connection.execute("SELECT id, external_id FROM documents").fetchall())
        for title, text in texts[:40]:
            query = f"{title}\n{text}"
            expected = bm25(texts, query)
            # The refinement sees 300 candidates at most: with so small a pool none of the best is missed.
            postings = 10**9 if way == "entries" else 900
            # More than there are: the second look, at what passes the filter, is made.
            pool = 500 if way == "scan" else 10
            terms = query_terms(connection, query_words(query))
            assert terms
            parted += bool(lexical._split(terms.entries(), postings, pool)[1])
            found = dict(list(by_text(connection, terms, Filters(), pool, postings).scores.items())[:10])
            scores = {names[item]: score for item, score in found.items()}
            best = sorted(expected.values(), reverse=True)[:10]
            assert list(scores.values()) == pytest.approx(best)
            assert all(expected[name] == pytest.approx(score) for name, score in scores.items())
    assert (parted == 0) == (way == "entries")


def test_counts_follow_every_change(database: Database, owner_dsn: str, owner: int) -> None:
    texts = corpora.random_texts(60)
    with database.bulk(owner) as connection:
        source = corpora.source(connection, owner)
        corpora.write(connection, owner, source, texts)
    assert_exact(database, owner_dsn, owner)
    with database.bulk(owner) as connection:
        corpora.write(connection, owner, source, corpora.random_texts(90, seed=2), first=30)
    assert_exact(database, owner_dsn, owner)
    with database.bulk(owner) as connection:
        connection.execute("DELETE FROM raw_items WHERE external_id < 'doc-5'")
    assert_exact(database, owner_dsn, owner)
    with database.bulk(owner) as connection:
        connection.execute("DELETE FROM integrations WHERE id = %s", (source,))
    kept, anew, corpus, total = counts(database, owner_dsn, owner)
    assert (kept, anew, corpus, total) == ([], [], (0, 0), (0, 0))


def test_what_is_rolled_back_is_not_counted(database: Database, owner_dsn: str, owner: int) -> None:
    with database.bulk(owner) as connection:
        source = corpora.source(connection, owner)
        corpora.write(connection, owner, source, corpora.random_texts(20))
    with database.bulk(owner) as connection:
        corpora.write(connection, owner, source, corpora.random_texts(40, seed=3))
        connection.rollback()
    assert_exact(database, owner_dsn, owner)
    assert counts(database, owner_dsn, owner)[2][0] == 20


def test_sources_of_one_tenant_are_refreshed_at_once(database: Database, owner_dsn: str, owner: int) -> None:
    with database.bulk(owner) as connection:
        sources = [corpora.source(connection, owner, f"records-{number}") for number in range(3)]
    failures: list[BaseException] = []
    ready = threading.Barrier(len(sources))

    def refresh(number: int) -> None:
        try:
            with database.bulk(owner) as connection:
                ready.wait(10)
                for turn in range(6):
                    texts = corpora.random_texts(50, seed=10 * number + turn)
                    corpora.write(connection, owner, sources[number], texts, first=25 * (turn % 3))
                    # Words are changed twice in one transaction: others wait, nobody is thrown out.
                    if turn % 2:
                        connection.execute(
                            "DELETE FROM documents WHERE source_id = %s AND id %% 3 = 0", (sources[number],)
                        )
                    if turn == 4:
                        connection.rollback()
                    connection.commit()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=refresh, args=(number,)) for number in range(len(sources))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert_exact(database, owner_dsn, owner)
    assert counts(database, owner_dsn, owner)[2][0] > 0


def test_a_tenant_that_is_deleted_leaves_no_counts(database: Database, owner_dsn: str, owner: int) -> None:
    with database.bulk(owner) as connection:
        corpora.write(connection, owner, corpora.source(connection, owner), corpora.random_texts(20))
    with psycopg.connect(owner_dsn) as connection:
        connection.execute("DELETE FROM tenants WHERE id = %s", (owner,))
    assert counts(database, owner_dsn, owner) == ([], [], (0, 0), (0, 0))


def test_another_tenants_documents_change_nothing(database: Database, owner: int) -> None:
    texts = corpora.random_texts(50)
    other = tenancy.add(database, f"lexical-{uuid4().hex[:8]}")[0].id

    def scores() -> dict[int, float]:
        with database.bulk(owner) as connection:
            return by_text(connection, query_terms(connection, query_words(texts[0][1])), Filters(), 20).scores

    with database.bulk(owner) as connection:
        corpora.write(connection, owner, corpora.source(connection, owner), texts)
    before = scores()
    with database.bulk(other) as connection:
        corpora.write(connection, other, corpora.source(connection, other), texts * 3)
    assert before
    assert scores() == before


def test_nobody_writes_counts_by_hand(database: Database, owner: int) -> None:
    for statement in (
        "DELETE FROM lexeme_counts",
        "UPDATE corpus_counts SET documents = 0",
        "INSERT INTO lexeme_counts VALUES (1, 'x', 1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.bulk(owner) as connection:
            connection.execute(statement)


def test_new_entries_are_in_their_place_before_anybody_searches(database: Database, owner_dsn: str, owner: int) -> None:
    with database.bulk(owner) as connection:
        corpora.write(connection, owner, corpora.source(connection, owner), corpora.random_texts(50))
    with psycopg.connect(owner_dsn) as connection:
        assert connection.execute("SELECT gin_clean_pending_list('ix_document_words_words')").fetchone() == (0,)


def test_a_filter_that_few_pass_takes_no_result_away(database: Database, owner: int) -> None:
    texts = corpora.random_texts(500)
    with database.bulk(owner) as connection:
        source = corpora.source(connection, owner)
        corpora.write(connection, owner, source, texts)
        corpora.write(connection, owner, source, [texts[0]] * 3, first=500, author="noor")
        terms = query_terms(connection, query_words(" ".join(texts[0])))
        found = by_text(connection, terms, Filters(authors=("Noor",)), 100, postings=1)
        assert len(found.scores) == 3
