"""Network addresses, except those that every machine has."""

import ipaddress
import re
from collections.abc import Iterator

# Four numbers, or five where a port follows as `tcpdump` writes it.
IPV4 = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?P<port>\.[0-9]{1,5})?+(?![A-Za-z0-9_]|\.[0-9])")
# Possessive throughout: a text of nothing but colons must not take time with its length cubed.
IPV6 = re.compile(r"(?<![\w.:])(?=[0-9a-fA-F]*+:[0-9a-fA-F]*+:)[0-9a-fA-F:]++(?:(?:\.\d{1,3}){3})?+(?!\w)")
DASHED = re.compile(r"(?<![A-Za-z0-9-])ip-(?:\d{1,3}-){3}\d{1,3}(?![\d-])")
# What stands before a number of a version.
VERSION = re.compile(
    r"(?i)(?:(?<![a-z])v|\b(?:version|release|ver|build|chrome|chromium|edg|opr|electron|firefox|headlesschrome"
    r"|crios|samsungbrowser|assemblyversion|fileversion)[\"']?[ :=/v.\"']{1,4}|[a-z]==|:(?:jar|war|pom):)\Z"
)
ARCHIVE = re.compile(
    r"\.(?:tar|tgz|zip|jar|war|whl|gz|rpm|deb|exe|msi|dll|so|nupkg|gem|el\d)|-\d+\.(?:el|fc)|-(?:rc|alpha|beta|snapshot|dev|pre)"
)
# `Thread 7:: Dispatcher`
LABEL = re.compile(r"\d{1,4}::|::\d{1,4}")
OBJECT_IDS = ("0.", "1.0.", "1.2.8", "1.3.6.", "2.5.", "2.16.")
BEFORE = 24


def hosts(text: str) -> Iterator[tuple[int, int]]:
    """Places of network addresses; loopback, unspecified addresses and network masks stay."""
    for found in IPV4.finditer(text):
        end = found.start("port") if found["port"] else found.end()
        numbers = [int(part) for part in text[found.start() : end].split(".")]
        if max(numbers) > 255 or numbers[0] in (0, 127, 255):
            continue
        if found.group().startswith(OBJECT_IDS) and found["port"]:
            continue
        if VERSION.search(text[max(0, found.start() - BEFORE) : found.start()]) or ARCHIVE.match(text, end):
            continue
        yield found.start(), end
    for found in IPV6.finditer(text):
        # After an address a colon ends it, except for the two that are a part of it.
        literal = found.group()
        shorter = literal[:-1] if literal.endswith(":") and not literal.endswith("::") else literal
        if _is_ipv6(shorter):
            # The colon goes with it: the address is the subject of a sentence then.
            yield found.span()
    for found in DASHED.finditer(text):
        yield found.span()


def _is_ipv6(text: str) -> bool:
    if len(text) > 45 or LABEL.fullmatch(text):
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if text.count(":") < 3 and not any(letter.isdigit() for letter in text):
        return False  # `a::b` is a name in C++ before it is an address
    inner = address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
    return not (inner.is_loopback or inner.is_unspecified)
