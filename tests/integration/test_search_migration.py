"""Search by words on other databases: one of the release before, and one whose owner is no superuser."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine

from precedent.database.session import Database
from precedent.database.setup import MIGRATIONS
from precedent.search.filters import Filters
from precedent.search.lexical import by_text, query_terms
from precedent.search.words import WORDS_VERSION, query_words
from tests.integration import corpora

NAME = "before_search"
FILL = """
INSERT INTO tenants (id, name) VALUES (1, 'one'), (2, 'two');
INSERT INTO integrations (tenant_id, type, name, provider) VALUES (1, 'data_source', 'a', 'archive'),
  (2, 'data_source', 'b', 'archive');
INSERT INTO raw_items (tenant_id, source_id, kind, shape, external_id, payload, payload_hash)
SELECT i.tenant_id, i.id, 'issue', 'github_issue', 'doc-' || n, '{}', '' FROM integrations i, generate_series(1, 20) n;
INSERT INTO documents (tenant_id, source_id, raw_item_id, kind, external_id, title, text, state, labels, input_hash,
                       content_hash, search)
SELECT tenant_id, source_id, id, kind, external_id, 'Pool of ' || external_id, 'Connections wait', 'Open',
       ARRAY['Bug', 'In, two'], '', '',
       setweight(to_tsvector('english', 'Pool of ' || external_id), 'A') ||
       setweight(to_tsvector('english', CASE external_id WHEN 'doc-7' THEN 'renderers renderer rendering' ELSE
                                        'Connections wait' END), 'B')
FROM raw_items;
"""


def migrated(url: URL, *steps: str) -> None:
    """Run migrations up to each step; what is no revision is SQL."""
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        for step in steps:
            if " " in step:
                connection.exec_driver_sql(step)
            else:
                command.upgrade(config, step)
    engine.dispose()


@pytest.fixture
def fresh(database: Database) -> Iterator[URL]:
    """An empty database beside the session's, as the server's superuser."""
    owner = database.endpoints.owner
    with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    yield owner.set(database=NAME)
    with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture
def upgraded(fresh: URL) -> str:
    migrated(fresh, "0002", FILL, "head")
    return fresh.render_as_string(hide_password=False)


@pytest.fixture
def owned(fresh: URL) -> Iterator[tuple[str, str]]:
    """The same set up by an owner without powers: as superuser, as the application's role."""
    superuser = fresh.render_as_string(hide_password=False)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE ROLE plain_owner LOGIN")
        connection.execute(f"ALTER DATABASE {NAME} OWNER TO plain_owner")
        connection.execute("GRANT ALL ON SCHEMA public TO plain_owner")
    migrated(fresh.set(username="plain_owner"), "head")
    yield superuser, fresh.set(username="precedent_app").render_as_string(hide_password=False)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("REASSIGN OWNED BY plain_owner TO CURRENT_USER")
        connection.execute("DROP OWNED BY plain_owner")
        connection.execute("DROP ROLE plain_owner")


def test_what_was_there_is_found_after_the_upgrade(upgraded: str) -> None:
    with psycopg.connect(upgraded) as connection:
        connection.execute("SET ROLE precedent_app")
        connection.execute("SELECT set_config('precedent.tenant_id', '1', false)")
        terms = query_terms(connection, query_words("renderer pool"))
        assert terms
        assert terms.counts == {"render": {2: 1}, "pool": {3: 20}}
        found = by_text(connection, terms, Filters(states=("open",), labels=("in, TWO",)), 100)
        names = dict(connection.execute("SELECT id, external_id FROM documents").fetchall())
        assert len(found) == 20
        assert names[next(iter(found))] == "doc-7"
        corpus = connection.execute("SELECT documents, length FROM corpus_counts").fetchall()
        assert corpus == [(20, sum(length for (length,) in connection.execute("SELECT length FROM document_words")))]
        versions = connection.execute("SELECT DISTINCT version FROM document_words").fetchall()
        assert versions == [(0,)]
        assert versions[0][0] != WORDS_VERSION


def test_the_index_answers_where_the_owner_is_no_superuser(database: Database, owned: tuple[str, str]) -> None:
    superuser, app = owned
    with psycopg.connect(app) as connection:
        (tenant,) = connection.execute("INSERT INTO tenants (name) VALUES ('one') RETURNING id").fetchone() or (0,)
        connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(tenant),))
        texts = corpora.random_texts(300)
        corpora.write(connection, tenant, corpora.source(connection, tenant), texts)
        connection.commit()
        terms = query_terms(connection, query_words(texts[0][0]))
        assert by_text(connection, terms, Filters(), 20)
        assert by_text(connection, terms, Filters(authors=("nobody",)), 20) == {}
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.commit()
        connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(tenant + 1),))
        assert by_text(connection, terms, Filters(), 20) == {}
        assert connection.execute("SELECT count(*) FROM document_words").fetchone() == (0,)
    with psycopg.connect(superuser) as connection:
        leaks = "SELECT proleakproof FROM pg_proc WHERE oid = 'ts_match_vq(tsvector, tsquery)'::regprocedure"
        assert connection.execute(leaks).fetchone() == (False,)
        scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_document_words_words'"
        (times,) = connection.execute(scans).fetchone() or (0,)
        assert times > 0
