"""Jira's wiki markup into blocks.

Measured on real issues, jira2markdown needs about 0.2 ms per character with its whole grammar and grows
quadratically on texts such as `-x -x -x`: an hour for seven thousand issues, minutes for one long log. So
the text is cut into code, quotations, headings and prose here, the marks for bold and the like are taken
off here, and the library reads what has a real syntax: links, mentions, attachments, images and tables, in
pieces of bounded length.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from precedent.text.extract.blocks import Block, BlockKind, normalise
from precedent.text.extract.jira_grammar import plain_text

_MACRO = re.compile(r"(?<!\\)\{(code|noformat|quote|panel)(?::([^{}\n]*))?\}", re.IGNORECASE)
_TITLE = re.compile(r"(?:^|\|)\s*title\s*=\s*([^|]+)", re.IGNORECASE)
_BLOCK_LINE = re.compile(
    r"^[ \t]*(?:h(?P<level>[1-6])\.[ \t]+(?P<heading>.*)|bq\.[ \t]+(?P<quote>.*)"
    r"|(?P<table>\|.*(?:\n[ \t]*\|.*)*))$",
    re.MULTILINE,
)
_BLOCK_HINT = re.compile(r"^[ \t]*(?:h[1-6]\.[ \t]|bq\.[ \t]|\|)", re.MULTILINE)
_TABLE_ROW = re.compile(r"[ \t]*(?:\|\|.*\|\||\|[^|\n]+\|(?:.*\|)?)[ \t]*")
_INLINE_HINT = re.compile(r"[\[{*_+!?\\^~]|-\S[^-\n]*-")
_LIST_ITEM = re.compile(r"^[ \t]*[*#-]{1,6}[ \t]+(?=\S)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*-{4,}[ \t]*$", re.MULTILINE)
_PROTECTED = re.compile(
    r"\{\{(?P<mono>[^\n]{1,400}?)\}\}"
    r"|(?P<span>\[(?:[^\[\]\n|]{0,300}\|)?(?:https?://|ftp://|mailto:|www\.|~|\^)[^\[\]\n]{1,600}\]"
    r"|(?<!\w)!(?=\S)[^!\n|]{1,200}\.\w{3,4}(?:\|[^!\n]{0,100})?!)"
    r"|(?P<url>\b(?:https?|ftp)://[^\s\[\]{}|]+)"
)
_PLACEHOLDER = "\ufdd0"
_TAGS = re.compile(
    r"\{(?:color|anchor|tip|info|note|warning|section|column|excerpt|expand|toc|align|div)(?::[^{}\n]*)?\}",
    re.IGNORECASE,
)
_EFFECTS = (
    ("*", re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])")),
    ("_", re.compile(r"(?<![\w/\\.])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w/])")),
    ("-", re.compile(r"(?<![\w-])-(?=[^\s-])([^-\n]*[^\s-])-(?![\w-])")),
    ("+", re.compile(r"(?<![\w+])\+(?=\w)([^+\n]*[^\s+])\+(?![\w+])")),
    ("??", re.compile(r"(?<![\w?])\?\?(?=[^\s?])([^?\n]*[^\s?])\?\?(?![\w?])")),
    ("^", re.compile(r"\^(\w{1,40})\^")),
    ("~", re.compile(r"(?<![\w/])~(\w{1,40})~(?!\w)")),
)
_LINE_BREAK = re.compile(r"\\\\(?=\s|$)", re.MULTILINE)
_ESCAPED = re.compile(r"\\([{}()\[\],*_!|^~+?-])")


def wiki_blocks(text: str) -> list[Block]:
    """Read wiki markup; a macro that is never closed counts as text, and nothing raises."""
    text = normalise(text)
    blocks: list[Block] = []
    quote_start: int | None = None
    position = 0
    macros = list(_MACRO.finditer(text))
    closers = _closers(macros)
    closing = {name: len(starts) and starts[-1] for name, starts in closers.items()}
    for macro in macros:
        if macro.start() < position:
            continue
        blocks.extend(_prose_blocks(text[position : macro.start()]))
        position = macro.end()
        name, parameters = macro.group(1).lower(), macro.group(2) or ""
        title = _TITLE.search(parameters)
        if title and name != "quote":
            blocks.append(Block(BlockKind.TEXT, title.group(1)))
        if name in {"code", "noformat"} and macro.start() < closing[name]:
            starts = closers[name]
            end = starts[bisect_right(starts, macro.start())]
            blocks.append(Block(BlockKind.CODE, text[position:end]))
            position = end + len(name) + 2
        elif name == "quote":
            if quote_start is None:
                quote_start = len(blocks)
            else:
                inner = "\n\n".join(block.text for block in blocks[quote_start:])
                blocks[quote_start:] = [Block(BlockKind.QUOTE, inner)]
                quote_start = None
    blocks.extend(_prose_blocks(text[position:]))
    return blocks


def _closers(macros: list[re.Match[str]]) -> dict[str, list[int]]:
    """Where each macro may end: every mention of it without parameters."""
    found: dict[str, list[int]] = {"code": [], "noformat": []}
    for macro in macros:
        name = macro.group(1).lower()
        if name in found and macro.group(2) is None:
            found[name].append(macro.start())
    return found


def _prose_blocks(text: str) -> Iterator[Block]:
    position = 0
    if _BLOCK_HINT.search(text):
        for match in _BLOCK_LINE.finditer(text):
            table = match.group("table")
            if table is not None and not all(_TABLE_ROW.fullmatch(row) for row in table.split("\n")):
                # The tree that npm prints, the frames of a log: lines that begin with a bar.
                continue
            yield from _text_block(text[position : match.start()])
            position = match.end()
            if table is not None:
                yield Block(BlockKind.TEXT, _inline(plain_text(table), spans=False))
            elif match.group("quote") is not None:
                yield Block(BlockKind.QUOTE, _inline(match.group("quote")))
            else:
                yield Block(BlockKind.HEADING, _inline(match.group("heading")), int(match.group("level")))
    yield from _text_block(text[position:])


def _text_block(text: str) -> Iterator[Block]:
    if not text.strip():
        return
    text = _RULE.sub("", _LIST_ITEM.sub("- ", text))
    yield Block(BlockKind.TEXT, _inline(text))


def _inline(text: str, *, spans: bool = True) -> str:
    if not _INLINE_HINT.search(text):
        return text
    protected: list[str] = []

    def protect(match: re.Match[str]) -> str:
        span = match.group("span")
        protected.append(plain_text(span) if span and spans else match.group("mono") or match.group())
        return _PLACEHOLDER

    text = _PROTECTED.sub(protect, text)
    if "{" in text:
        text = _TAGS.sub("", text)
    for mark, pattern in _EFFECTS:
        if text.count(mark) > 1:
            text = pattern.sub(r"\1", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _LINE_BREAK.sub("\n", text))
    if not protected:
        return text
    pieces = iter(protected)
    return re.sub(_PLACEHOLDER, lambda _: next(pieces), text)
