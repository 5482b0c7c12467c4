"""Reading the value that stands behind a name: quoted, unquoted, or indented below it."""

import re
from dataclasses import dataclass

# A quote may itself be quoted, as in JSON within a line of JSON.
QUOTE = re.compile(r"\\{0,6}[\"'`]")
INSIDE = {quote: re.compile(rf"(?:[^{quote}\\\n]|\\[^\n])*+") for quote in "\"'`"}
INSIDE_ESCAPED = {quote: re.compile(rf"[^{quote}\\\n]*+(?:\\[^{quote}\\nrt][^{quote}\\\n]*+)*+") for quote in "\"'`"}
# It ends also at the next name of a query or a list, and at a line break that is written as `\n`.
BARE = re.compile(
    r"(?:[^\s\"'`<>;\\&,]|\\(?![nr])|&(?!(?:amp;)?[\w.%-]{1,60}=|\Z)|,(?![\s\"'}\])]|\Z|[\w.-]{1,60}[=:]))++"
)
BLOCK = re.compile(r"[|>][+-]?[0-9]?[ \t]*\n(?P<indent>[ \t]+)")
# What may close a list or an object behind the last value of a line.
CLOSERS = re.compile(r"[ \t\r.,;:)\]}\"'\\|]{0,20}+(?=\n|\Z|\\n)")
CLOSING = {")": "(", "]": "[", "}": "{"}
# What stands for a secret.
MARK = "[secret]"


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its place in the text.

    Attributes:
        text: What stands there.
        start: Its first character.
        end: Behind its last one.
        quoted: Whether it stands between quotes.
        last: Whether nothing follows it on its line but what closes a list or an object.
    """

    text: str
    start: int
    end: int
    quoted: bool
    last: bool


def read(text: str, at: int) -> Value | None:
    """The value that begins at a place, behind what is masked already; None where there is none."""
    marks_end = _behind_marks(text, at)
    block = BLOCK.match(text, at)
    if block is not None:
        return _block(text, block)
    quote = QUOTE.match(text, at)
    if quote is not None:
        mark, escaped = quote.group()[-1], len(quote.group()) > 1
        start = _behind_marks(text, quote.end())
        inside = (INSIDE_ESCAPED if escaped else INSIDE)[mark].match(text, start)
        end = inside.end() if inside else start
        return Value(text[start:end], start, end, quoted=True, last=True) if end > start else None
    # A quote behind a mark ends or begins something else.
    at = marks_end
    bare = BARE.match(text, at)
    if bare is None:
        return None
    found = bare.group()
    while found and (found[-1] in ".,:" or (found[-1] in CLOSING and CLOSING[found[-1]] not in found)):
        found = found[:-1]
    if not found:
        return None
    end = at + len(found)
    return Value(found, at, end, quoted=False, last=CLOSERS.match(text, end) is not None)


def _behind_marks(text: str, at: int) -> int:
    """The place behind the marks that begin here: what is left of a masked value is read for itself."""
    while text.startswith(MARK, at):
        at += len(MARK)
    return at


def _block(text: str, block: "re.Match[str]") -> Value | None:
    """The lines below a name that are indented as the first of them is, as YAML writes long values."""
    indent, start = block["indent"], block.end()
    end = _line_end(text, start)
    while text.startswith(indent, end + 1):
        end = _line_end(text, end + 1)
    return Value(text[start:end], start, end, quoted=True, last=True) if text[start:end].strip() else None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
