"""Jira's wiki markup into blocks.

A text is cut into code, quotations, headings, tables and prose; the marks for bold and the like are taken off, and of a
link, mention, attachment or image its words stay. Every expression is bounded by a line or a length, so that the time
grows with the text and no faster.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from precedent.text.extract.markup.blocks import Block, BlockKind, normalise

_MACRO = re.compile(r"(?<!\\)\{(code|noformat|quote|panel)(?::([^{}\n]*))?\}", re.IGNORECASE)
_TITLE = re.compile(r"(?:^|\|)\s*title\s*=\s*([^|]+)", re.IGNORECASE)
_BLOCK_LINE = re.compile(
    r"^[ \t]*(?:h(?P<level>[1-6])\.[ \t]+(?P<heading>.*)|bq\.[ \t]+(?P<quote>.*)"
    r"|(?P<table>\|.*(?:\n[ \t]*\|.*)*))$",
    re.MULTILINE,
)
_BLOCK_HINT = re.compile(r"^[ \t]*(?:h[1-6]\.[ \t]|bq\.[ \t]|\|)", re.MULTILINE)
_TABLE_ROW = re.compile(r"[ \t]*(?:\|\|.*\|\||\|[^|\n]+\|(?:.*\|)?)[ \t]*")
_BARS = re.compile(r"\|{1,2}")
_INLINE_HINT = re.compile(r"[\[{*_+!?\\^~]|-\S[^-\n]*-")
_LIST_ITEM = re.compile(r"^[ \t]*[*#-]{1,6}[ \t]+(?=\S)", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*-{4,}[ \t]*$", re.MULTILINE)
# What holds marks that are none: code, links with their words, images, bare addresses.
_SPAN = re.compile(
    r"\{\{(?P<code>[^\n]{1,400}?)\}\}"
    r"|\[(?:(?P<words>[^\[\]\n|]{0,300})\|)?(?P<target>(?:https?://|ftp://|mailto:|www\.|~|\^)[^\[\]\n]{1,600})\]"
    r"|(?<!\w)!(?=\S)(?P<image>[^!\n|]{1,200}\.\w{3,4})(?:\|[^!\n]{0,100})?!"
    r"|(?P<url>\b(?:https?|ftp)://[^\s\[\]{}|]+)"
)
_ACCOUNT = re.compile(r"~(?:accountid:)?")
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
                yield Block(BlockKind.TEXT, _inline(table, table=True))
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


def _inline(text: str, *, table: bool = False) -> str:
    """The words of prose or of a table's cells, which may hold links with bars in them."""
    if not table and not _INLINE_HINT.search(text):
        return text
    spans: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        spans.append(_words_of(match))
        return _PLACEHOLDER

    text = _SPAN.sub(put_aside, text)
    if table:
        text = "\n".join(_row(line) for line in text.split("\n"))
    if "{" in text:
        text = _TAGS.sub("", text)
    for mark, pattern in _EFFECTS:
        if text.count(mark) > 1:
            text = pattern.sub(r"\1", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _LINE_BREAK.sub("\n", text))
    if not spans:
        return text
    pieces = iter(spans)
    return re.sub(_PLACEHOLDER, lambda _: next(pieces), text)


def _row(line: str) -> str:
    """The cells of a table's row with one bar between them."""
    return " | ".join(cell.strip() for cell in _BARS.split(line.strip().strip("|")))


def _words_of(span: re.Match[str]) -> str:
    """Code without its braces, a link's words or address, a person's or file's name; addresses as they are."""
    target = span.group("target")
    if target is None:
        return span.group("code") or span.group("image") or span.group()
    if target.startswith("~"):
        return _ACCOUNT.sub("@", target, count=1)
    # The third part of [words|address|tip] shows only while one points at the link.
    address = target.split("|", 1)[0].removeprefix("mailto:").removeprefix("^")
    return _inline(span.group("words") or "").strip() or address
