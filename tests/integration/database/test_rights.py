"""What PUBLIC, the application's role and Dagster's may do in the database: rules, and that each finds a breach."""

import psycopg
import pytest

from orchestration.cli.operations.doctor import diagnose
from precedent.database import rights
from precedent.database.session import Database
from precedent.settings import Settings

# By the rule that each breaks: a statement of the owner, with the application's role as {app}, and what the rule names.
BREACHES = [
    (0, "ALTER ROLE {app} BYPASSRLS", "{app}"),
    (0, "ALTER TABLE documents OWNER TO {app}", "documents"),
    (1, "ALTER TABLE documents NO FORCE ROW LEVEL SECURITY", "documents"),
    (1, "CREATE TABLE visits (tenant_id integer)", "visits"),
    (2, "CREATE TABLE visits (tenant_id integer)", "visits"),
    (2, "DROP POLICY tenant_rows ON chunks", "chunks"),
    (2, "ALTER POLICY tenant_rows ON chunks WITH CHECK (true)", "chunks"),
    (2, "ALTER POLICY tenant_rows ON chunks USING (true)", "chunks"),
    (2, "CREATE POLICY all_rows ON chunks FOR SELECT USING (true)", "chunks: all_rows"),
    (2, "ALTER POLICY platform_rows ON members USING (true)", "members: platform_rows"),
    (2, "ALTER POLICY platform_rows ON members USING (tenant_id IS NULL)", "members: platform_rows"),
    (3, "ALTER FUNCTION settle_words SET search_path = pg_catalog, public", "settle_words()"),
    (3, "CREATE FUNCTION act() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "act()"),
    (4, "CREATE FUNCTION act() RETURNS int LANGUAGE sql AS 'SELECT 1'", "act()"),
    (4, "GRANT SELECT ON documents TO PUBLIC", "documents"),
    (4, "GRANT USAGE ON SEQUENCE documents_id_seq TO {dagster}", "documents_id_seq"),
    (4, "CREATE VIEW texts AS SELECT * FROM documents; GRANT SELECT ON texts TO PUBLIC", "texts"),
    (5, "GRANT CREATE ON SCHEMA public TO PUBLIC", "the schema public"),
    (5, "GRANT CREATE ON SCHEMA public TO {app}", "the schema public"),
    (5, "GRANT TEMPORARY ON DATABASE precedent TO PUBLIC", "the database precedent"),
    (5, "GRANT CONNECT ON DATABASE precedent TO {dagster}", "the database precedent"),
    (6, "GRANT UPDATE ON installation TO {app}", "installation: UPDATE"),
    (6, "ALTER POLICY platform_rows ON sessions USING (true)", "sessions: UPDATE"),
    (6, "GRANT TRUNCATE ON documents TO {app}", "documents: TRUNCATE"),
    (6, "GRANT ALL ON SEQUENCE chunks_id_seq TO {app}", "chunks_id_seq: SELECT"),
    (6, "CREATE TABLE part PARTITION OF embeddings FOR VALUES IN (-1); GRANT SELECT ON part TO {app}", "part: SELECT"),
    (6, "CREATE VIEW texts AS SELECT * FROM documents; GRANT SELECT ON texts TO {app}", "texts: SELECT"),
]


def test_every_rule_holds(database: Database) -> None:
    assert rights.broken(database) == []
    (finding,) = [found for found in diagnose(Settings.from_environment()) if found.what == "rights"]
    assert finding.ok


@pytest.mark.parametrize(("number", "breach", "named"), BREACHES, ids=[breach for _, breach, _ in BREACHES])
def test_a_breach_is_named(database: Database, owner_dsn: str, number: int, breach: str, named: str) -> None:
    roles = {"app": database.endpoints.app.username, "dagster": database.endpoints.dagster.username}
    with psycopg.connect(owner_dsn) as owner:
        owner.execute(breach.format(**roles).encode())
        owner.execute(f"SET LOCAL ROLE {roles['app']}")
        found = [row[0] for row in owner.execute(rights.RULES[number].query.encode())]
        owner.rollback()
    assert named.format(**roles) in found


def test_every_rule_has_a_breach() -> None:
    assert {number for number, _, _ in BREACHES} == set(range(len(rights.RULES)))


def test_doctor_says_which_rule_is_broken_and_what_to_do(database: Database, owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn) as owner:
        owner.execute("ALTER FUNCTION settle_words SET search_path = pg_catalog, public")
    try:
        (finding,) = [found for found in diagnose(Settings.from_environment()) if found.what == "rights"]
    finally:
        with psycopg.connect(owner_dsn) as owner:
            owner.execute("ALTER FUNCTION settle_words SET search_path = pg_catalog, public, pg_temp")
    assert not finding.ok
    assert "settle_words()" in finding.finding
    assert "ALTER FUNCTION" in finding.finding


def test_neither_role_reaches_the_other_database(database: Database) -> None:
    app, dagster = database.endpoints.app, database.endpoints.dagster
    for url in (app.set(database=dagster.database), dagster.set(database=app.database)):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
