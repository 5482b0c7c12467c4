"""The one form that every markup is read into, and how it becomes clean text."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Zero-width joiners stay: emoji, Persian and Indic scripts need them. U+FDD0 is a non-character that
# the wiki reader uses as its placeholder.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufdd0-\ufdef\ufeff\ufffc]")
_SPACES = re.compile(r"[^\S\n]+")
_SPACED_NEWLINE = re.compile(r" ?\n ?")
# Looks at each run of spaces once: it begins where no space stands before it, and gives none of it back.
_TRAILING_SPACES = re.compile(r"(?<![^\S\n])[^\S\n]++(?=\n|\Z)")
_NEWLINES = re.compile(r"\n{3,}")
_URL = re.compile(r"https?://(?:www\.)?([^\s<>\"'()\[\]{}|]+)", re.IGNORECASE)
_URL_NOISE = re.compile(r"[?#].*", re.DOTALL)
# The longest question in a usual template: "Is your feature request related to a problem? Please describe."
_TEMPLATE_HEADING = 64
_PLACEHOLDER = re.compile(
    r"[_*(\[]*(?:no response|n/?a|none|nothing|tbd|todo|not applicable|\.{2,}|…|-+|\?+)[.)\]_*]*",
    re.IGNORECASE,
)


class BlockKind(StrEnum):
    """What a block is, as far as cleaning text depends on it."""

    HEADING = "heading"
    TEXT = "text"
    CODE = "code"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a run of prose, a piece of code or a quotation; `level` is that of a heading."""

    kind: BlockKind
    text: str
    level: int = 0


def normalise(text: str) -> str:
    """One kind of line end, without terminal colours and invisible characters."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = _ESCAPE_SEQUENCE.sub("", text)
    return _INVISIBLE.sub("", text)


def fold(text: str) -> str:
    """Prose with single spaces, at most one empty line in a row, and addresses without their noise."""
    text = _SPACED_NEWLINE.sub("\n", _SPACES.sub(" ", normalise(text)))
    text = _NEWLINES.sub("\n\n", text).strip()
    return _URL.sub(_bare_address, text) if "://" in text else text


def fold_line(text: str) -> str:
    """One line with single spaces, for titles and names."""
    return " ".join(normalise(text).split())


def fold_code(text: str) -> str:
    """Code or a log with its lines and indents as they are, without outer and trailing space."""
    text = _TRAILING_SPACES.sub("", normalise(text))
    return _NEWLINES.sub("\n\n", text).strip("\n")


def render(blocks: Iterable[Block], *, quotes: bool) -> str:
    """The blocks as clean text; without quotations where the same text stands in what they answer."""
    clean = [
        Block(block.kind, text, block.level)
        for block in blocks
        if quotes or block.kind is not BlockKind.QUOTE
        for text in (fold_code(block.text) if block.kind is BlockKind.CODE else fold(block.text),)
        if text
    ]
    return "\n\n".join(block.text for block in _without_empty_sections(clean))


def _bare_address(match: re.Match[str]) -> str:
    address = match.group(1)
    bare = address.rstrip(".,;:!*_`~")
    return _URL_NOISE.sub("", bare).rstrip("/") + address[len(bare) :]


def _without_empty_sections(blocks: Sequence[Block]) -> Sequence[Block]:
    if len(blocks) < 2:
        return blocks
    blocks = _with_headings_that_say_something(blocks)
    kept: list[Block] = []
    # filled[n]: there is content below the place where a heading of level n would stand.
    filled = [False] * 10
    for index in range(len(blocks) - 1, -1, -1):
        block = blocks[index]
        if block.kind is not BlockKind.HEADING:
            if not _is_placeholder(blocks, index):
                filled = [True] * 10
                kept.append(block)
            continue
        level = min(max(block.level, 1), 9)
        if filled[level]:
            kept.append(block)
        filled[level:] = [False] * (10 - level)
    return kept[::-1]


def _with_headings_that_say_something(blocks: Sequence[Block]) -> list[Block]:
    """Take headings for text where one is too long for a template, as in a log with h6. on each line."""
    found: list[Block] = []
    for kind, run in groupby(blocks, key=lambda block: block.kind):
        members = list(run)
        if kind is BlockKind.HEADING and any(len(block.text) > _TEMPLATE_HEADING for block in members):
            members = [Block(BlockKind.TEXT, block.text) for block in members]
        found += members
    return found


def _is_placeholder(blocks: Sequence[Block], index: int) -> bool:
    after_heading = index > 0 and blocks[index - 1].kind is BlockKind.HEADING
    ends_section = index + 1 == len(blocks) or blocks[index + 1].kind is BlockKind.HEADING
    text = blocks[index].text
    return after_heading and ends_section and len(text) < 40 and _PLACEHOLDER.fullmatch(text) is not None
