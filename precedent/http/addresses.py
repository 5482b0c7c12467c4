"""Addresses of servers: what is one, and which belong to the same server."""

from urllib.parse import urlsplit

from precedent.errors import UsageError

PORTS = {"http": 80, "https": 443}


def checked_url(url: str, what: str) -> str:
    """An HTTP address without a slash at its end.

    Args:
        url: The address.
        what: Whose address it is, for the message.

    Raises:
        UsageError: it is not an address of HTTP, or holds more than scheme, host, port and path.
    """
    found = url.strip().rstrip("/")
    wrong = UsageError(f"The base URL of {what} must look like https://host or https://host/path.")
    try:
        parts = urlsplit(found)
        sound = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not sound or parts.query or parts.fragment or any(character.isspace() for character in found):
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"The base URL of {what} must not hold a user or password: give them by themselves.")
    return found


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address; all empty where it is not valid."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
