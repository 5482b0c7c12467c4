"""Addresses of e-mail."""

import re
from collections.abc import Iterator

MAIL = re.compile(
    r"(?<![\w.%+-])(?P<local>[\w.%+-]++)@(?P<domain>(?:[\w-]++(?:\.[\w-]++)++|localhost(?![\w-])|\[[\d.]{7,15}\]))"
)
ENCODED = re.compile(r"(?<![\w.+-])(?P<local>[\w.+-]++)%40(?P<domain>[\w-]++(?:\.[\w-]++)++)")
TOP_LEVEL = re.compile(r"[^\W\d_]{2,}+\Z|xn--[a-z0-9-]++\Z|[\d.]*\]\Z")
# Names of units, images and archives that have an `@` inside.
FILES = re.compile(
    r"(?:\d+(?:\.\d+)?x\.\w+|.*\.(?:service|socket|timer|target|mount|scope|slice|path|device|png|jpe?g|webp|gif|svg|tgz|gz"
    r"|zip|jar|js|ts|json|ya?ml|md|rb|py|go|html?))\Z",
    re.IGNORECASE,
)


def mails(text: str) -> Iterator[tuple[int, int]]:
    """Places of addresses; `user@localhost` is one, the address of a repository (`git@host:path`) is none."""
    for pattern in (MAIL, ENCODED):
        for found in pattern.finditer(text):
            local, domain = found["local"].strip("."), found["domain"]
            if not local.strip("-%+_") or TOP_LEVEL.match(domain.rpartition(".")[2]) is None or FILES.match(domain):
                continue
            # The user of an address, or of a repository: not a person's mail.
            if local == "git" or local.endswith("%") or text.startswith("://", found.start() - 3):
                continue
            start = found.start() + len(found["local"]) - len(found["local"].lstrip(".-+%"))
            if text[start - 1 : start] == "\\" and local[0] in "nrt":  # the letter of `\n` before the address
                start += 1
            yield start, found.end()
