"""Private keys in PEM: whole, cut off at the end, or only lines from the middle."""

import re
from bisect import bisect_right
from collections.abc import Iterator

BEGIN = re.compile(r"-----BEGIN (?P<what>[A-Z0-9 ]{0,40})-----")
END = "-----END "
END_LINE = re.compile(r"-----END [A-Z0-9 ]{0,40}-----")
# What may follow the first line of a key that was cut off: its headers, base64, line breaks that are escaped.
BODY = re.compile(
    r"(?:[\s>|]|\\[nr]|Proc-Type:[^\n]{0,80}|DEK-Info:[^\n]{0,80}|Version:[^\n]{0,80}"
    r"|[A-Za-z0-9+/=]{16,}+|(?<=\n)[A-Za-z0-9+/=]{1,15}+(?=\n|\Z)|[A-Za-z0-9+/=]{1,15}+(?=\Z|\\[nr]|[\"'])"
    r"|-{1,5}[A-Z ]{0,40}-{0,4}(?=\s*\Z))*+"
)
# Lines of base64 as keys have them, of one length, without the line that would say what they are.
LINES = re.compile(
    r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})(?![A-Za-z0-9+/])"
    r"(?:(?:[\s>|]|\\[nr]){1,8}(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})(?![A-Za-z0-9+/=]))*+"
    r"(?:(?:[\s>|]|\\[nr]){1,8}(?:[A-Za-z0-9+/]{1,76}+={1,2}+|[A-Za-z0-9+/]{24,75}+)(?![A-Za-z0-9+/=]))?+"
)
ONE_LINE = 80
MIXED = re.compile(r"(?=[^A-Z]*[A-Z])(?=[^g-z]*[g-z])(?=[^0-9]*[0-9])", re.DOTALL)


def private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Places of private keys; certificates and public keys stay."""
    reached = 0
    starts: list[int] = []  # of what may be read by all
    ends: list[int] = []
    for begin in BEGIN.finditer(text):
        if begin.start() < reached:
            continue
        following = BEGIN.search(text, begin.end())
        limit = following.start() if following else len(text)
        end_at = text.find(END, begin.end(), limit)
        end = END_LINE.match(text, end_at) if end_at >= 0 else None
        body = BODY.match(text, begin.end())
        reached = end.end() if end else body.end() if body else begin.end()
        if "PRIVATE KEY" in begin["what"]:
            yield begin.start(), _trimmed(text, begin.end(), reached)
        else:
            starts.append(begin.start())
            ends.append(reached)
    for lines in LINES.finditer(text) if len(text) > 64 else ():
        before = bisect_right(starts, lines.start()) - 1
        is_public = before >= 0 and lines.start() < ends[before]
        if not is_public and len(lines.group()) > ONE_LINE and MIXED.match(lines.group()):
            closing = END_LINE.match(text, _spaces(text, lines.end()))
            if closing is None or "PRIVATE KEY" in closing.group():
                yield lines.start(), closing.end() if closing else lines.end()


def _trimmed(text: str, start: int, end: int) -> int:
    """The end without the white space before it."""
    return start + len(text[start:end].rstrip())


def _spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
