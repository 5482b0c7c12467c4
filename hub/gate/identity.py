"""Who sends a request: a program by its token, a person by the cookie of the session."""

from starlette.requests import HTTPConnection

from hub.settings import HubSettings
from precedent.access import caller as callers
from precedent.access.caller import Caller
from precedent.database.session import Database


def cookie_name(settings: HubSettings) -> str:
    """What the session's cookie is called; under TLS a name that no other host of the domain can set."""
    return f"{'__Host-' if settings.secure else ''}precedent_session"


def identify(database: Database, settings: HubSettings, connection: HTTPConnection) -> Caller | None:
    """The caller; None for a stranger, also where a token or session is no longer valid."""
    kind, _, text = connection.headers.get("authorization", "").partition(" ")
    if kind:
        return callers.by_token(database, text.strip()) if kind.lower() == "bearer" else None
    secret = connection.cookies.get(cookie_name(settings))
    return callers.by_session(database, secret) if secret else None
