"""Secrets in headers of HTTP: credentials and cookies."""

import re
from collections.abc import Iterator

from precedent.security.masking.values import is_mixed, is_token, is_word

REST = r"(?:(?!\\[rn])[^\r\n\"'`])*+"
AUTHORIZATION = re.compile(
    r"(?i)(?<![a-z])(?:proxy-)?authorization\\{0,6}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,6}[\"']?"
    r"(?:(?P<scheme>bearer|basic|token|negotiate|ntlm|apikey|api-key|key|hawk|bot|aws4-hmac-sha256|digest|signature|sso-key|genie(?=key))"
    rf"[ \t]{{1,4}})?(?P<value>{REST})"
)
# Everywhere, also without the header's name.
SCHEME = re.compile(r"(?i)(?<![a-z0-9])(?:bearer|basic):?[ \t]{1,4}(?P<value>[a-z0-9._~+/=-]{8,}+)")
PAIR = r"[\w!#$%&*+.^|~-]{1,200}="
COOKIE = re.compile(
    rf"(?i)(?<![a-z])cookie\\{{0,6}}[\"']?[ \t]{{0,8}}:[ \t]{{0,8}}\\{{0,6}}[\"']?(?P<value>(?={PAIR}){REST})"
)
SET_COOKIE = re.compile(
    r"(?i)(?<![a-z])set-cookie2?\\{0,6}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,6}[\"']?"
    rf"(?:{PAIR})(?P<value>(?:(?!\\[rn])[^\s;\"'`])++)"
)
# Their parameters are quoted.
QUOTED = re.compile(r"[^\r\n]*+")
QUOTED_SCHEMES = ("digest", "signature", "hawk")


def headers(text: str) -> Iterator[tuple[int, int]]:
    """Places of credentials and cookies."""
    reached = 0
    for found in AUTHORIZATION.finditer(text):
        if found.start() < reached:
            continue
        value = found["value"].rstrip()
        first = value.split(maxsplit=1)[0] if value else ""
        scheme = (found["scheme"] or "").lower()
        if scheme in QUOTED_SCHEMES and "=" in first:
            line = QUOTED.match(text, found.start("value"))
            reached = line.end() if line else found.end()
            yield found.start("value"), reached
        elif len(first) >= 6 and not is_word(first) and (is_mixed(first) or (scheme and len(value) == len(first))):
            yield found.start("value"), found.start("value") + len(value if scheme else first)
    for found in SCHEME.finditer(text):
        value = found["value"].rstrip(".")
        if is_token(value) and not is_word(value):
            yield found.start("value"), found.start("value") + len(value)
    for pattern in (COOKIE, SET_COOKIE):
        for found in pattern.finditer(text):
            value = found["value"].rstrip()
            if text[found.start() - 4 : found.start()].lower() != "set-" and not is_word(value):
                yield found.start("value"), found.start("value") + len(value)
