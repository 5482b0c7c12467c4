"""What the database says of itself."""

from dataclasses import dataclass

from sqlalchemy import text

from precedent.database.session import Database
from precedent.database.version import version_of

VERSIONS = text("""
SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'vector')
""")


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of the server, of pgvector (None where it is missing) and of the schema."""

    server: str
    vector: str | None
    schema: str | None


def versions(database: Database) -> Versions:
    """Versions of what the platform stands on."""
    with database.session() as session:
        server, vector = session.execute(VERSIONS).one()
        return Versions(server, vector, version_of(session.connection()))
