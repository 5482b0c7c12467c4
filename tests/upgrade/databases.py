"""Databases beside the session's: empty, or as the release with revision 0004 made them; and what is in one."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL

from precedent.database.endpoints import Endpoints

OLD = Path(__file__).parent / "revision_0004"
ORDER = (
    "0001_initial",
    "0001_security",
    "0002_providers",
    "0002_ledger",
    "0003_spaces",
    "0003_search",
    "0003_stores",
    "0003_quality",
    "0004_live",
)
VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)); INSERT INTO alembic_version VALUES ('0004');"
)
TABLES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND NOT c.relispartition ORDER BY c.relname
"""
CATALOGUE = {
    "relation": """
SELECT c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relowner::regrole::text,
       pg_get_partkeydef(c.oid), c.relpersistence, c.relreplident, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace""",
    "column": """
SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
       format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
       a.attgenerated, a.attcollation::regcollation::text, a.attstorage, a.attcompression, a.attacl::text
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')""",
    "constraint": """
SELECT c.relname, k.conname, k.contype, k.convalidated, k.condeferrable, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "index": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "sequence": "SELECT sequencename, data_type::text, start_value, increment_by, cycle FROM pg_sequences",
    "policy": "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies",
    "trigger": """
SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t WHERE NOT t.tgisinternal""",
    "function": """
SELECT pg_get_functiondef(p.oid), p.prosecdef, p.proconfig, p.provolatile, p.proparallel, p.proowner::regrole::text
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')""",
    "right": """
SELECT c.relname, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type, a.is_grantable
FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT p.oid::regprocedure::text, a.grantor::regrole::text, a.grantee::regrole::text, a.privilege_type, a.is_grantable
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'public'::regnamespace""",
    "schema": "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname = 'public'",
    "default right": "SELECT defaclobjtype, defaclacl::text FROM pg_default_acl",
    "statistics": "SELECT stxname FROM pg_statistic_ext",
    "extension": "SELECT extname, extversion FROM pg_extension",
    "view": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "leakproof": "SELECT oid::regprocedure::text FROM pg_proc WHERE proleakproof AND proname LIKE 'ts_match%'",
    "revision": "SELECT version_num FROM alembic_version",
}


def dsn(url: URL) -> str:
    """A connection string of psycopg."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextlib.contextmanager
def empty_database(endpoints: Endpoints) -> Iterator[Endpoints]:
    """End points of a database of its own on the same server, dropped afterwards."""
    name = f"upgrade_{uuid4().hex[:8]}"
    with psycopg.connect(dsn(endpoints.owner), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield replace(endpoints, owner=endpoints.owner.set(database=name), app=endpoints.app.set(database=name))
    finally:
        with psycopg.connect(dsn(endpoints.owner), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def plain_owner(endpoints: Endpoints) -> Iterator[URL]:
    """The database as an owner that is no superuser, as on a server of one's own; the role is dropped afterwards."""
    role = f"owner_of_{endpoints.owner.database}"
    with psycopg.connect(dsn(endpoints.owner), autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION vector")
        superuser.execute(f"CREATE ROLE {role} LOGIN")
        superuser.execute(f"ALTER DATABASE {endpoints.owner.database} OWNER TO {role}")
    try:
        yield endpoints.owner.set(username=role)
    finally:
        with psycopg.connect(dsn(endpoints.owner), autocommit=True) as superuser:
            superuser.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            superuser.execute(f"DROP OWNED BY {role}")
            superuser.execute(f"DROP ROLE {role}")


def make_revision_0004(owner: URL) -> None:
    """What the migrations of that release did to an empty database, by their own SQL."""
    with psycopg.connect(dsn(owner)) as connection:
        connection.execute(VERSION_TABLE)
        for name in ORDER:
            connection.execute((OLD / f"{name}.sql").read_bytes())


def catalogue(owner: URL) -> set[tuple[str, str]]:
    """Everything that the system catalogues say of the schema, as pairs of what it is and what is said."""
    with psycopg.connect(dsn(owner)) as connection:
        return {(what, repr(row)) for what, query in CATALOGUE.items() for row in connection.execute(query)}


def tables(connection: psycopg.Connection) -> list[str]:
    """The names of all tables of the platform; partitions belong to theirs."""
    return [name for (name,) in connection.execute(TABLES) if name != "alembic_version"]


def contents(owner: URL) -> dict[str, tuple[int, str]]:
    """For each table the number of its rows and a hash of them, whatever their order and whatever columns are empty."""
    values = "jsonb_strip_nulls(to_jsonb(t))::text"
    query = f"SELECT count(*), coalesce(sum(hashtextextended({values}, 0)::numeric), 0)::text FROM {{}} t"
    with psycopg.connect(dsn(owner)) as connection:
        connection.execute("SET row_security = off")  # an error instead of missing rows, were the owner not allowed
        found = {}
        for name in tables(connection):
            count, digest = connection.execute(sql.SQL(query).format(sql.Identifier(name))).fetchone() or (0, "")
            found[name] = (count, digest)
        return found
