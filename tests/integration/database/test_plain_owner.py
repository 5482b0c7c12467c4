"""The platform on a server whose owner is no superuser: the full-text index answers there as well."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine

from precedent.database.session import Database
from precedent.database.upgrade import upgrade
from precedent.search.filters import Filters
from precedent.search.lexical import Worded, by_text, query_terms
from precedent.search.words import query_words
from tests.integration.search import corpora
from tests.upgrade.databases import dsn, empty_database, plain_owner


@pytest.fixture
def owned(database: Database) -> Iterator[tuple[str, str]]:
    """A database of an owner without powers: as superuser, as the application's role."""
    with empty_database(database.endpoints) as endpoints, plain_owner(endpoints) as owner:
        engine = create_engine(owner.set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
        yield dsn(endpoints.owner), dsn(endpoints.app)


def test_the_index_answers_where_the_owner_is_no_superuser(owned: tuple[str, str]) -> None:
    superuser, app = owned
    with psycopg.connect(app) as connection:
        (tenant,) = connection.execute("INSERT INTO tenants (name) VALUES ('one') RETURNING id").fetchone() or (0,)
        connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(tenant),))
        texts = corpora.random_texts(300)
        corpora.write(connection, tenant, corpora.source(connection, tenant), texts)
        connection.commit()
        terms = query_terms(connection, query_words(texts[0][0]))
        assert by_text(connection, terms, Filters(), 20).scores
        assert by_text(connection, terms, Filters(authors=("nobody",)), 20) == Worded()
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.commit()
        connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(tenant + 1),))
        assert by_text(connection, terms, Filters(), 20) == Worded()
        assert connection.execute("SELECT count(*) FROM document_words").fetchone() == (0,)
    with psycopg.connect(superuser) as connection:
        leaks = "SELECT proleakproof FROM pg_proc WHERE oid = 'ts_match_vq(tsvector, tsquery)'::regprocedure"
        assert connection.execute(leaks).fetchone() == (False,)
        scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_document_words_words'"
        (times,) = connection.execute(scans).fetchone() or (0,)
        assert times > 0
