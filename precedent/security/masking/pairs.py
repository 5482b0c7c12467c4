"""A name and its value as two fields: `name: DB_PASSWORD` above `value: ...`, as containers and forms write them."""

import re
from collections.abc import Iterator

from precedent.security.masking.names import Kind, kind_of
from precedent.security.masking.reading import read
from precedent.security.masking.values import is_token, is_word

FIELD = r"\\{0,6}[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
PAIR = re.compile(
    rf"(?i)\b(?:name|key|id){FIELD}\\{{0,6}}[\"']?(?P<name>[\w.-]{{2,80}})\\{{0,6}}[\"']?,?\s{{1,40}}(?:- )?"
    rf"\\{{0,6}}[\"']?value{FIELD}(?=[^\s])"
)


def pairs(text: str) -> Iterator[tuple[int, int]]:
    """Places of values whose name stands in a field of its own."""
    for found in PAIR.finditer(text):
        kind = kind_of(found["name"])
        value = read(text, found.end()) if kind else None
        if value is None or is_word(value.text):
            continue
        if kind is Kind.STRONG or is_token(value.text):
            yield value.start, value.end
