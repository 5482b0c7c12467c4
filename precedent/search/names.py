"""Items that a query names: by their title, or by a word that no other item has."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import psycopg

from precedent.search.filters import Filters
from precedent.search.lexical import QueryTerms, by_text

TITLES = "SELECT id, title FROM documents WHERE id = ANY(%s)"


def named(
    connection: "psycopg.Connection[Any]",
    text: str,
    terms: QueryTerms | None,
    filters: Filters,
    found: Collection[int],
    pool: int,
) -> frozenset[int]:
    """The documents that a query of one line names; they come first, as neither closeness nor frequency decides then.

    A query of several lines is a text that others are compared with: some of its words are always rare by chance.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        text: The query.
        terms: What `query_terms` made of it.
        filters: What a result must be.
        found: Ids of the documents that the legs of search found: one with this title is among them.
        pool: How many texts are looked at for one word: one that more have is no name.
    """
    query = text.strip()
    if not query or "\n" in query:
        return frozenset()
    titled = {item for item, title in connection.execute(TITLES, (list(found),)) if _same(title, query)}
    alone = _by_own_words(connection, terms, filters, pool) if terms else set()
    return frozenset(titled | alone)


def _by_own_words(connection: "psycopg.Connection[Any]", terms: QueryTerms, filters: Filters, most: int) -> set[int]:
    """The documents that alone have one of the words; the counts are of texts, of which each comment is one."""
    names: set[int] = set()
    for lexeme, by_class in terms.counts.items():
        if sum(by_class.values()) <= most:
            alone = by_text(connection, replace(terms, weights={lexeme: 1.0}), filters, 2).scores
            names.update(alone if len(alone) == 1 else ())
    return names


def _same(title: str, query: str) -> bool:
    return " ".join(title.split()).casefold() == " ".join(query.split()).casefold()
