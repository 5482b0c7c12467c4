"""What the database says of itself: versions, and whether row-level security holds."""

from dataclasses import dataclass

from sqlalchemy import text

from precedent.database.session import Database
from precedent.database.version import version_of

VERSIONS = text("""
SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'vector')
""")
ROLE = text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
UNGUARDED = text("""
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY 1
""")
# A function that runs as its owner must look for names among temporary objects last: a caller can make those.
EXPOSED = text("""
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, public, pg_temp']
ORDER BY 1
""")


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of the server, of pgvector (None where it is missing) and of the schema."""

    server: str
    vector: str | None
    schema: str | None


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """Whether row-level security holds.

    Attributes:
        role: The application's role.
        bypassed: True if the role is not bound by it.
        unguarded: Tables with a tenant on which it is not forced.
        exposed: Functions of the owner that a caller's temporary objects can mislead.
    """

    role: str
    bypassed: bool
    unguarded: list[str]
    exposed: list[str]


def versions(database: Database) -> Versions:
    """Versions of what the platform stands on."""
    with database.session() as session:
        server, vector = session.execute(VERSIONS).one()
        return Versions(server, vector, version_of(session.connection()))


def row_security(database: Database) -> RowSecurity:
    """Whether the application can see rows of other tenants."""
    with database.session() as session:
        role, bypassed = session.execute(ROLE).one()
        return RowSecurity(role, bypassed, list(session.scalars(UNGUARDED)), list(session.scalars(EXPOSED)))
