"""Where a call may go: which addresses are well formed, which of them are private, and which are the organisation's."""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from precedent.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# By these prefixes an IPv6 address stands for the IPv4 address in its last 32 bits.
TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))


def check_address(base_url: str, *, allow_private: bool, what: str = "provider") -> None:
    """Refuse a malformed address, or a private one where the policy forbids it.

    Every address that the name resolves to counts: one private address among them is enough.

    Args:
        base_url: The address.
        allow_private: What the tenant's policy says.
        what: What is called there, for the message.

    Raises:
        UsageError: with the reason.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = "That" if "@" in base_url else repr(base_url)  # before an @ stands perhaps a password
        raise UsageError(f"{shown} is no address of a {what}: write https://host/path.")
    if parts.query or parts.fragment:
        raise UsageError("A base URL ends with its path: leave out what follows `?` or `#`.")
    if parts.username or parts.password:
        raise UsageError("A base URL must not hold a user or password: give the key with --key-file or at the prompt.")
    if allow_private:
        return
    if is_private(parts.hostname):
        raise UsageError(
            f"The address {parts.hostname} is a private one, and the tenant's policy forbids those: use a public one, "
            "or allow it with `precedent policy set --private-addresses`."
        )


def is_private(host: str) -> bool:
    """True if a host is, or resolves to, any address that is not public; False for a name that does not resolve."""
    return any(not _is_public(address) for address in _addresses(host))


def is_private_url(url: str) -> bool:
    """The same of the host of a URL."""
    return is_private(urlsplit(url).hostname or "")


def is_internal(host: str) -> bool:
    """True if all that a host is, or resolves to, lies within the organisation: what is sent there does not leave.

    A name that does not resolve, or that has one public address among private ones, is not internal.
    """
    found = _addresses(host)
    return bool(found) and not any(_is_public(address) or address.is_multicast for address in found)


def is_internal_url(url: str) -> bool:
    """The same of the host of a URL."""
    return is_internal(urlsplit(url).hostname or "")


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in TRANSLATED):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _addresses(host: str) -> Sequence[Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(item[4][0]).split("%")[0]) for item in found]
