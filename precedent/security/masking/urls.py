"""Credentials in addresses: `scheme://user:password@host`, and those that a driver writes without a scheme."""

import re
from collections.abc import Iterator

from precedent.security.masking.values import is_placeholder, is_token

AUTHORITY = re.compile(r"[^\s/?#\"'<>`\\]++")
# A password with a slash is not allowed there, but it is written.
SLASHED = re.compile(r"[^\s:@/?#\"'<>`]{0,64}:(?!\d{1,5}/)[^\s:@\"'<>`]{1,128}@(?=[\w.\[-]+[:/])")
THIN = re.compile(r"(?i)(?<=jdbc:oracle:thin:)[^\s/@\"']{1,64}/(?P<value>[^\s@\"']{1,128})(?=@)")
SCHEMELESS = re.compile(r"(?<![\w./-])[\w.-]{1,64}+:(?P<value>[^\s:@/\"']{1,128}+)@(?=(?:tcp|udp|unix)\()")
# A user's name is shorter, or has no digits between its letters.
LONE_TOKEN = 16
MADE = re.compile(r"(?=.{10})(?=(?:\D*\d){3})(?=.*[A-Z])(?=.*[a-z])")


def urls(text: str) -> Iterator[tuple[int, int]]:
    """Places of passwords, and of tokens in the place of a user."""
    at = text.find("://")
    while at >= 0:
        start = at + 3
        authority = AUTHORITY.match(text, start)
        end = authority.end() if authority else start
        place = _password(text, start, authority.group() if authority else "")
        if place is not None and not is_placeholder(text[slice(*place)]):
            yield place
        at = text.find("://", end)
    for pattern in (THIN, SCHEMELESS):
        for found in pattern.finditer(text):
            yield found.span("value")


def _password(text: str, start: int, authority: str) -> tuple[int, int] | None:
    user_info, at, _ = authority.rpartition("@")
    if not at:
        slashed = SLASHED.match(text, start)
        if slashed is None:
            return None
        user_info = slashed.group()[:-1]
    user, colon, password = user_info.partition(":")
    if password:
        return start + len(user) + 1, start + len(user_info)
    if not colon and is_token(user) and (len(user) >= LONE_TOKEN or MADE.match(user)):
        return start, start + len(user)
    return None
