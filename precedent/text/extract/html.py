"""HTML into blocks."""

import re
from html import unescape

from bs4 import BeautifulSoup
from bs4.builder import HTMLTreeBuilder
from bs4.element import NavigableString, PreformattedString, Tag
from lxml.html.defs import tags as HTML_TAGS  # type: ignore[import-untyped]

from precedent.text.extract.blocks import Block, BlockKind, normalise

KNOWN_TAGS = HTML_TAGS | {"bdi", "g-emoji", "data", "dialog", "main", "picture", "rb", "template"}
_ANGLE = re.compile(r"<(?:/?([A-Za-z][\w:.-]*)(?=[\s/>])[^<>]*>)?")
_DECLARATION = re.compile(r"<!doctype[^<>]*>|<\?xml[^<>]*\?>", re.IGNORECASE)
_DROPPED = frozenset({"head", "script", "style", "template", "svg"})
_PARAGRAPHS = HTMLTreeBuilder.DEFAULT_BLOCK_ELEMENTS | {
    *("body", "center", "details", "html", "legend", "summary", "tbody", "thead")
}
# libxml2 drops what is nested deeper than 256; no page that people wrote comes near this.
_MAX_DEPTH = 100


def html_blocks(text: str) -> list[Block]:
    """Read HTML; angle brackets that no HTML tag starts with stay as text, as in `List<String>`."""
    text = _DECLARATION.sub("", without_comments(normalise(text)))
    escaped = _ANGLE.sub(_escape_unknown, text)
    if "<" not in escaped:
        return [Block(BlockKind.TEXT, unescape(escaped))]
    if escaped.count("<") > _MAX_DEPTH and _depth(escaped) > _MAX_DEPTH:
        # The standard library's parser has no limit, and strings are found without recursion.
        plain = BeautifulSoup(escaped, "html.parser").get_text("\n")
        return [Block(BlockKind.TEXT, plain)]
    walker = _Walker()
    walker.walk(BeautifulSoup(escaped, "lxml"))
    walker.flush()
    return walker.blocks


def without_comments(text: str) -> str:
    """Drop HTML comments; of one that never ends only its opening, so that nothing else is lost."""
    # A pattern that searches the end from each opening takes quadratic time where there is none.
    parts: list[str] = []
    position = 0
    while (start := text.find("<!--", position)) >= 0:
        end = text.find("-->", start + 2)
        if end < 0:
            parts.append(text[position:].replace("<!--", ""))
            return "".join(parts)
        parts.append(text[position:start])
        position = end + 3
    return "".join([*parts, text[position:]])


def _escape_unknown(match: re.Match[str]) -> str:
    known = (match.group(1) or "").lower() in KNOWN_TAGS
    return match.group() if known else "&lt;" + match.group()[1:]


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in re.finditer(r"<(/?)[A-Za-z]", text):
        depth = max(0, depth - 1) if match.group(1) else depth + 1
        deepest = max(deepest, depth)
    return deepest


class _Walker:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []

    def flush(self, kind: BlockKind = BlockKind.TEXT, level: int = 0) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if text.strip():
            self.blocks.append(Block(kind, text, level))

    def walk(self, node: Tag) -> None:
        for child in node.children:
            if isinstance(child, Tag):
                self._tag(child)
            elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
                self._parts.append(re.sub(r"\s+", " ", child))

    def _tag(self, tag: Tag) -> None:
        name = tag.name
        if name in _DROPPED:
            return
        if name == "br":
            self._parts.append("\n")
        elif name == "img":
            alt = tag.get("alt")
            self._parts.append(alt if isinstance(alt, str) else "")
        elif name in {"pre", "textarea"}:
            self.flush()
            self.blocks.append(Block(BlockKind.CODE, tag.get_text()))
        elif name == "blockquote":
            self.flush()
            start = len(self.blocks)
            self.walk(tag)
            self.flush()
            inner = "\n\n".join(block.text for block in self.blocks[start:])
            self.blocks[start:] = [Block(BlockKind.QUOTE, inner)]
        elif len(name) == 2 and name[0] == "h" and name[1].isdigit():
            self.flush()
            self.walk(tag)
            self.flush(BlockKind.HEADING, int(name[1]))
        elif name == "li":
            self._parts.append("\n- ")
            self.walk(tag)
        elif name == "tr":
            self._parts.append("\n")
            self.walk(tag)
        elif name in {"td", "th"}:
            if tag.find_previous_sibling(["td", "th"]) is not None:
                self._parts.append(" | ")
            self.walk(tag)
        elif name in _PARAGRAPHS and tag.find_parent(["li", "td", "th"]) is None:
            self.flush()
            self.walk(tag)
            self.flush()
        else:
            self.walk(tag)
            if name in {"p", "div"}:
                self._parts.append("\n")
