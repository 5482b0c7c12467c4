"""Whether a request comes from a page of this server, a program or a person, and not from another web page."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from hub.gate.hosts import AllowedHosts

READING = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"same-origin", "none"})  # `none`: typed into the address bar, or a bookmark


def foreign(connection: HTTPConnection, hosts: AllowedHosts) -> str | None:
    """Why a request is refused before anything is read of it; None where it may go on.

    Args:
        connection: The request, or the handshake of a WebSocket.
        hosts: The names of this server.
    """
    headers = connection.headers
    names = headers.getlist("host")
    if len(names) != 1 or not hosts.allow(names[0]):
        return "This server is not known by the name in the address: name it with `--name`."
    origins = headers.getlist("origin")
    if origins:
        own = all(urlsplit(origin).netloc.lower() == names[0].lower() for origin in origins)
    else:
        own = headers.get("sec-fetch-site", "none") in OWN_SITES
    if own or _follows_link(connection):
        return None
    return "This request comes from another web page: only pages of this server may send it."


def _follows_link(connection: HTTPConnection) -> bool:
    """True if a person goes to one of our pages from another one: what it shows the other one cannot read."""
    headers = connection.headers
    return (
        connection.scope.get("method") in READING
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
