"""Which PostgreSQL is used, and by which roles."""

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from precedent.database.embedded import EmbeddedServer
from precedent.errors import UsageError
from precedent.settings import Settings

APP_DRIVER = "postgresql+psycopg"
# SQLAlchemy 2.1 reads a plain `postgresql://` as psycopg 3, which dagster-postgres cannot use.
DAGSTER_DRIVER = "postgresql+psycopg2"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The three ways into the server: who owns the tables, who uses them, and Dagster's storage."""

    owner: URL
    app: URL
    dagster: URL
    embedded: EmbeddedServer | None

    def dagster_url(self) -> str:
        """Dagster's storage as a string with its password, for `dagster.yaml`'s environment variable."""
        return self.dagster.set(drivername=DAGSTER_DRIVER).render_as_string(hide_password=False)


def open_endpoints(settings: Settings) -> Endpoints:
    """The configured server's URLs; starts and holds the embedded server where none is configured.

    Raises:
        UsageError: a URL does not parse, or the owner's is missing beside another one.
        DatabaseError: the embedded server does not start.
    """
    if settings.database_url is None:
        for variable, url in (
            ("PRECEDENT_APP_DATABASE_URL", settings.app_database_url),
            ("PRECEDENT_DAGSTER_DATABASE_URL", settings.dagster_database_url),
        ):
            if url is not None:
                raise UsageError(
                    f"{variable} is set and PRECEDENT_DATABASE_URL is not: set the owner's URL too, or neither for the "
                    "embedded server."
                )
        server = EmbeddedServer(settings.home)
        server.acquire()
        return Endpoints(
            owner=server.url("precedent"),
            app=server.url("precedent", app_role("precedent")),
            dagster=server.url("precedent_dagster", dagster_role("precedent")),
            embedded=server,
        )
    owner = _parse(settings.database_url, "PRECEDENT_DATABASE_URL")
    for_app, for_dagster = app_role(owner.database), dagster_role(owner.database)
    app = owner.set(username=for_app, password=role_password(owner, for_app))
    dagster = owner.set(
        username=for_dagster,
        password=role_password(owner, for_dagster),
        database=f"{owner.database}_dagster",
    )
    if settings.app_database_url:
        app = _parse(settings.app_database_url, "PRECEDENT_APP_DATABASE_URL")
    if settings.dagster_database_url:
        dagster = _parse(settings.dagster_database_url, "PRECEDENT_DAGSTER_DATABASE_URL")
    return Endpoints(owner=owner, app=app, dagster=dagster, embedded=None)


def app_role(database: str | None) -> str:
    """The application's role for a database. Roles are shared by all databases of a server: each has its own."""
    return f"{database}_app"


def dagster_role(database: str | None) -> str:
    """The role that owns Dagster's storage beside a database."""
    return f"{database}_dagster"


def role_password(owner: URL, role: str) -> str | None:
    """A role's password, derived from the owner's, so that every machine with the one URL has the other.

    None where the owner has none (a socket with peer or trust authentication).
    """
    if not owner.password:
        return None
    return hmac.new(str(owner.password).encode(), role.encode(), hashlib.sha256).hexdigest()


def _parse(text: str, variable: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UsageError(
            f"{variable} is not a database URL: write postgresql://user:password@host:5432/database."
        ) from error
    if not url.drivername.startswith("postgresql") or not url.database:
        raise UsageError(f"{variable} must name a PostgreSQL database: postgresql://user:password@host/database.")
    return url.set(drivername="postgresql")
