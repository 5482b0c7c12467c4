"""A database of the release before stays searchable by words, and is indexed anew by the next refresh."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from resources.database.session import Database
from resources.database.setup import MIGRATIONS
from resources.stores.lexical import by_text, query_terms
from resources.stores.search_filters import Filters
from resources.stores.search_words import WORDS_VERSION, query_words

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


@pytest.fixture
def upgraded(database: Database) -> Iterator[str]:
    owner = database.endpoints.owner
    with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    url = owner.set(database=NAME)
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        connection.exec_driver_sql(FILL)
        command.upgrade(config, "head")
    engine.dispose()
    yield url.render_as_string(hide_password=False)
    with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


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
