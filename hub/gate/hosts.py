"""By which names a server may be called: another one in a `Host` means a rebound DNS name."""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::\d{1,5})?", re.IGNORECASE)
LOCALHOST = "localhost"


def is_loopback(host: str) -> bool:
    """True if an address to listen on can be reached from this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The names that a request may be addressed to.

    A name of DNS can be made to lead to any machine by whoever owns it, an address cannot: where a server listens on
    all addresses, each address is allowed, and of names only those that are known.
    """

    names: frozenset[str]
    every_address: bool

    @classmethod
    def of(cls, address: str, names: Iterable[str] = ()) -> "AllowedHosts":
        """The names of a server.

        Args:
            address: What it listens on.
            names: What else it is called, for example by a proxy before it.
        """
        known = {LOCALHOST, address, *names}
        every = is_unspecified(address)
        if every:
            known.add(socket.gethostname())
        return cls(frozenset(name.lower() for name in known), every)

    def allow(self, header: str) -> bool:
        """True if a `Host` header, with or without a port, names this server."""
        found = HOST.fullmatch(header)
        if found is None:
            return False
        name = (found["v6"] or found["name"]).lower()
        try:
            address = ip_address(name)
        except ValueError:
            return name in self.names
        return self.every_address or address.is_loopback or name in self.names


def is_taken(host: str, port: int) -> bool:
    """True if something listens there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def is_unspecified(address: str) -> bool:
    """True if a server that listens there listens on all addresses of the machine."""
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return not address
