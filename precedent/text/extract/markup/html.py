"""HTML into blocks."""

import re
from collections.abc import Iterator
from html import unescape
from itertools import count, repeat

from lxml import html as lxml_html
from lxml.html.defs import empty_tags, tags

from precedent.text.extract.markup.blocks import Block, BlockKind, normalise

KNOWN_TAGS = tags | {"bdi", "g-emoji", "data", "dialog", "main", "picture", "rb", "template"}
_ANGLE = re.compile(r"<(?:/?([A-Za-z][\w:.-]*)(?=[\s/>])[^<>]*>)?")
_DECLARATION = re.compile(r"<!doctype[^<>]*>|<\?xml[^<>]*\?>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_ELEMENT = re.compile(r"<(/?)([A-Za-z][\w-]*)")
_WITHOUT_END = empty_tags | {"dd", "dt", "li", "option", "p", "tbody", "td", "tfoot", "th", "thead", "tr"}
_NUMBER = re.compile(r"[0-9]{1,9}")
_SPACE = re.compile(r"\s+")
_DROPPED = frozenset({"head", "script", "style", "template", "svg"})
# Without an end tag a parser takes everything behind these for their content.
_UNPARSED = frozenset({*_DROPPED, "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"})
_PARAGRAPH_TAGS = (
    "address article aside body canvas caption center dd details div dl dt fieldset figcaption figure footer form "
    "header hr legend main menu nav noscript ol output p section summary table ul video"
)
_PARAGRAPHS = frozenset(_PARAGRAPH_TAGS.split())
_DASH = "- "
# libxml2 drops what is nested deeper than 256; no page that people wrote comes near this.
_MAX_DEPTH = 100


def html_blocks(text: str) -> list[Block]:
    """Read HTML; angle brackets that no HTML tag starts with stay as text, as in `List<String>`."""
    text = _DECLARATION.sub("", without_comments(normalise(text)))
    markup = _with_foreign_tags_as_text(text)
    if "<" not in markup:
        return [Block(BlockKind.TEXT, unescape(markup))]
    if markup.count("<") > _MAX_DEPTH and _depth(markup) > _MAX_DEPTH:
        return [Block(BlockKind.TEXT, unescape(_TAG.sub("\n", markup)))]
    walker = _Walker()
    walker.walk(lxml_html.document_fromstring(f"<html><body>{markup}"), in_item=False)
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


def _with_foreign_tags_as_text(text: str) -> str:
    """Escape what is no HTML tag, such as `List<String>`, and elements without an end that would swallow the rest."""
    lowered = text.lower()
    last_end = {name: lowered.rfind(f"</{name}") for name in _UNPARSED}

    def escaped(match: re.Match[str]) -> str:
        name = (match.group(1) or "").lower()
        if name in KNOWN_TAGS and match.start() <= last_end.get(name, match.start()):
            return match.group()
        return "&lt;" + match.group()[1:]

    return _ANGLE.sub(escaped, text)


def _depth(markup: str) -> int:
    """How deep elements are nested, without those that need no end tag."""
    depth = deepest = 0
    for end, name in _ELEMENT.findall(markup):
        if name.lower() not in _WITHOUT_END:
            depth = max(0, depth - 1) if end else depth + 1
            deepest = max(deepest, depth)
    return deepest


class _Walker:
    """Collects blocks in the order of reading; `_parts` is the text of the block that is under way."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._markers: list[Iterator[str]] = [repeat(_DASH)]

    def flush(self, kind: BlockKind = BlockKind.TEXT, level: int = 0) -> None:
        text = "".join(self._parts)
        self._parts.clear()
        if text.strip():
            self.blocks.append(Block(kind, text, level))

    def walk(self, node: lxml_html.HtmlElement, *, in_item: bool) -> None:
        self._text(node.text)
        for child in node:
            if isinstance(child.tag, str):
                self._element(child, in_item=in_item)
            self._text(child.tail)

    def _text(self, text: str | None) -> None:
        if text:
            self._parts.append(_SPACE.sub(" ", text))

    def _element(self, element: lxml_html.HtmlElement, *, in_item: bool) -> None:
        match element.tag:
            case name if name in _DROPPED:
                return
            case "br":
                self._parts.append("\n")
            case "img":
                self._parts.append(element.get("alt") or "")
            case "a":
                self._link(element, in_item=in_item)
            case "pre" | "textarea":
                self.flush()
                self.blocks.append(Block(BlockKind.CODE, element.text_content()))
            case "blockquote":
                self._quote(element)
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self.flush()
                self.walk(element, in_item=in_item)
                self.flush(BlockKind.HEADING, int(element.tag[1]))
            case "ol" | "ul":
                self._markers.append(_numbers(element) if element.tag == "ol" else repeat(_DASH))
                self._container(element, in_item=in_item)
                self._markers.pop()
            case "li":
                self._start_line()
                self._parts.append(next(self._markers[-1]))
                self.walk(element, in_item=True)
            case "tr":
                self._row(element)
            case _:
                self._container(element, in_item=in_item)

    def _container(self, element: lxml_html.HtmlElement, *, in_item: bool) -> None:
        """Blocks of their own, but lines where an item or a cell holds them."""
        if element.tag in _PARAGRAPHS and not in_item:
            self.flush()
            self.walk(element, in_item=False)
            self.flush()
            return
        self.walk(element, in_item=in_item)
        if element.tag in {"p", "div"}:
            self._start_line()

    def _start_line(self) -> None:
        """End the line that has words; blanks at its end go, and the dash of an item that holds but a list."""
        while self._parts and (self._parts[-1] == _DASH or not self._parts[-1].strip()):
            self._parts.pop()
        if self._parts:
            self._parts.append("\n")

    def _link(self, element: lxml_html.HtmlElement, *, in_item: bool) -> None:
        """The words of a link, or its address where it has none."""
        start = len(self._parts)
        self.walk(element, in_item=in_item)
        if not "".join(self._parts[start:]).strip():
            self._parts.append(element.get("href") or "")

    def _quote(self, element: lxml_html.HtmlElement) -> None:
        self.flush()
        start = len(self.blocks)
        self.walk(element, in_item=False)
        self.flush()
        inner = "\n\n".join(block.text for block in self.blocks[start:])
        self.blocks[start:] = [Block(BlockKind.QUOTE, inner)]

    def _row(self, element: lxml_html.HtmlElement) -> None:
        """The cells on one line, with bars between them."""
        self._start_line()
        for place, cell in enumerate(element):
            if isinstance(cell.tag, str):
                self._parts.append(" | " if place else "")
                start = len(self._parts)
                self.walk(cell, in_item=True)
                self._parts[start:] = [" ".join("".join(self._parts[start:]).split())]


def _numbers(element: lxml_html.HtmlElement) -> Iterator[str]:
    """The numbers of an ordered list, with what follows each."""
    first = str(element.get("start", ""))
    return (f"{number}. " for number in count(int(first) if _NUMBER.fullmatch(first) else 1))
