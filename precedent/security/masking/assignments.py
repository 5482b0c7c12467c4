"""Values behind a name that says that they are secret: `password=...`, `"api_key": "..."`, `--token ...`."""

import re
from collections.abc import Iterator

from precedent.security.masking.names import Kind, kind_of
from precedent.security.masking.reading import MARK, Value, read
from precedent.security.masking.values import is_mixed, is_prose, is_reference, is_token, is_word

# A name, and what stands between it and its value. A name is looked at once: the next begins behind it.
NAMED = re.compile(
    r"(?<![A-Za-z0-9_.$-])(?P<name>[A-Za-z0-9_.$-]++)(?: ?\([^()\n]{1,40}\))?"
    r"(?P<separator>\*{0,2}\\{0,6}[\"'`]?\]?[ \t]{0,20}(?:=>|->|:=|==?|:|\|)\*{0,2}[ \t]{0,20}"
    r"(?:\n[ \t]{0,40}(?=[\"']))?|>(?=[^\s<>][^<>\n]{0,200}</)|\((?=[\"'])"
    r"|[\"'],[ \t]{0,8}(?=(?P<quote>[\"'])[^\"'\n]{8,200}(?P=quote)(?![ \t]{0,4}:))"
    r"|[ \t]{1,4}value[ \t]{0,4}=[ \t]{0,4})"
)
OPTION = re.compile(r"(?<![\w-])(?P<name>--?[A-Za-z][\w-]*+)[ \t]{1,8}(?=[^\s-])")
SPOKEN = re.compile(
    r"(?i)(?<![a-z\[])"
    r"(?P<name>password|passphrase|passwd|pwd|pass|pw|secret|token|apikey|(?:api|access|secret|private|auth)[ _.-]key)"
    r"(?: for \S{1,60}(?: \S{1,60})?)?"
    r"(?: (?:is|was|of|to|now|set|changed|currently|still|reset|provided|generated|created)| for \S{1,60})*+"
    r"(?P<gap>:?[ \t]{1,8})(?=\S)"
)
FIELD = r"\\{0,6}[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
PAIR = re.compile(
    rf"(?i)\b(?:name|key|id){FIELD}\\{{0,6}}[\"']?(?P<name>[\w.-]{{2,80}})\\{{0,6}}[\"']?,?\s{{1,40}}(?:- )?"
    rf"\\{{0,6}}[\"']?value{FIELD}(?=[^\s])"
)
SETTERS = ("set", "with", "add", "use")
TIGHT = ("=", ":=")
SHORTEST = {Kind.WEAK: 7, Kind.STRONG: 3}
# `8-character minimum`, `10k`: a measure and no secret.
MEASURE = re.compile(r"\d{1,6}(?:-?[a-z]+|%|/\d{1,6})?\+?\Z")
# Letters and digits in turns, longer than a word.
MADE = re.compile(
    r"(?=.{10})(?=(?:\D*\d){2}|\D*\d[^a-z]*[a-z][^A-Z]*[A-Z]|\D*\d[^A-Z]*[A-Z][^a-z]*[a-z])(?=(?:[^A-Za-z]*[A-Za-z]){2})[A-Za-z0-9+/=_]++\Z"
)
BEFORE = 16


def assignments(text: str) -> Iterator[tuple[int, int]]:
    """Places of values by their names."""
    reached = 0
    for found in NAMED.finditer(text):
        if found.start() < reached:
            continue
        value = _assigned(text, found)
        if value is None:
            continue
        reached = value.end
        if _is_secret(value, _kind(text, found), found["separator"]):
            yield value.start, value.end
    reached = 0
    for found in OPTION.finditer(text):
        value = read(text, found.end()) if found.start() >= reached and kind_of(found["name"]) else None
        if value is None:
            continue
        reached = value.end
        if _is_secret(value, Kind.STRONG, "="):
            yield value.start, value.end
    reached = 0
    for found in SPOKEN.finditer(text):
        value = read(text, found.end()) if found.start() >= reached else None
        if value is None:
            continue
        reached = value.end
        if _is_spoken(value, bare=found.end("name") == found.start("gap")):
            yield value.start, value.end


def pairs(text: str) -> Iterator[tuple[int, int]]:
    """Places of values whose name stands in a field of its own: `name: DB_PASSWORD` above `value: ...`."""
    reached = 0
    for found in PAIR.finditer(text):
        kind = kind_of(found["name"])
        value = read(text, found.end()) if kind and found.start() >= reached else None
        if value is None:
            continue
        reached = value.end
        if not is_word(value.text) and (kind is Kind.STRONG or is_token(value.text)):
            yield value.start, value.end


def _assigned(text: str, found: "re.Match[str]") -> Value | None:
    """What stands behind a name that says something; None behind any other."""
    separator = found["separator"]
    if not _kind(text, found) or (separator == ">" and text[found.start() - 1 : found.start()] != "<"):
        return None
    if separator == "(" and not found["name"].rpartition(".")[2].lower().startswith(SETTERS):
        return None
    return read(text, found.end())


def _kind(text: str, found: "re.Match[str]") -> Kind:
    name, start = found["name"], found.start("name")
    if text[start - 1 : start + len(MARK) - 1] == MARK or text.startswith("://", start - 3):
        return Kind.NONE  # a mark names nothing, and the user of an address has its own rule
    if found["separator"] == ":" and text[start - 1 : start] == ":":
        return Kind.NONE  # the middle of an id: `issue:auth:HL-1234`
    kind = kind_of(name, text[max(0, start - BEFORE) : start])
    if not kind and text[start - 1 : start] == "\\":  # the letter of `\n` or `\t` before the name
        return kind_of(name[1:])
    return kind


def _is_secret(value: Value, kind: Kind, separator: str) -> bool:
    text, sign = value.text, separator.strip(" \t\n\\\"'`]*")
    if len(text) < SHORTEST[kind] or _is_none(value):
        return False
    if kind is Kind.WEAK and sign != ",":
        # In an address and between quotes any value counts, elsewhere one that a machine made.
        long = len(text) >= 16 and " " not in text
        return " " not in text and (is_token(text) or long or (text.isdigit() and len(text) >= 6))
    if sign == ",":  # two texts in a row, and perhaps the names of two things
        return is_token(text) and any(sign.isdigit() for sign in text) and kind_of(text) is Kind.NONE
    if value.quoted or sign in TIGHT or sign.startswith("value") or sign == ">":
        return not (value.text.isdigit() and len(text) < 4)
    return (value.last and "/" not in text[:4]) or (is_mixed(text) and not MEASURE.match(text))


def _is_spoken(value: Value, *, bare: bool) -> bool:
    """True for a secret of a sentence; `bare` if no verb stands between the name and it: `apikey 9f8a7b6c5d`."""
    if len(value.text) < 6 or not is_mixed(value.text) or _is_none(value) or MEASURE.match(value.text):
        return False
    return not bare or MADE.match(value.text) is not None


def _is_none(value: Value) -> bool:
    """True if a value plainly is no secret."""
    text = value.text
    if is_word(text) or is_prose(text):
        return True
    if value.quoted:
        return text[0] == " "  # `"password=" + typed`: the quote before it closes another text
    # `password = new_password` in code
    plain = text.rstrip("0123456789") if "_" in text else text
    named = kind_of(text) is not Kind.NONE and plain.replace("_", "").replace(".", "").isalpha()
    return named or is_reference(text)
