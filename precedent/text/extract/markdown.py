"""GitHub's Markdown into blocks."""

import re
from collections.abc import Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from precedent.text.extract.blocks import Block, BlockKind, normalise
from precedent.text.extract.html import KNOWN_TAGS, html_blocks, without_comments

# Past this depth the parser leaves text out; such a text is taken as it stands.
_MAX_NESTING = 50
# Below every real heading.
_BOLD_LEVEL = 7
_TAG_NAME = re.compile(r"</?([A-Za-z][\w-]*)")
_ALT = re.compile(r"""\balt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_QUOTED_LINE = re.compile(r" {0,3}>")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def markdown_blocks(text: str) -> list[Block]:
    """Read Markdown with GitHub's tables, strikethrough, task lists and embedded HTML."""
    text = _end_quotations(normalise(text))
    tokens = _parser().parse(text)
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        return [Block(BlockKind.TEXT, text)]
    reader = _Reader()
    for index, token in enumerate(tokens):
        if token.type == "inline" and _is_template_heading(tokens, index):
            reader.heading(token, _BOLD_LEVEL)
        else:
            reader.read(token)
    reader.flush()
    return reader.blocks


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])


def _end_quotations(text: str) -> str:
    """Separate an answer from the quotation above it, which Markdown would take it as a part of."""
    if ">" not in text:
        return text
    lines: list[str] = []
    quoted = fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        is_quoted = not fenced and _QUOTED_LINE.match(line) is not None
        if quoted and not is_quoted and line.strip():
            lines.append("")
        quoted = is_quoted
        lines.append(line)
    return "\n".join(lines)


def _is_template_heading(tokens: list[Token], index: int) -> bool:
    """Whether a paragraph is all bold and an instruction in a comment follows it, as in issue templates."""
    following = tokens[index + 2] if index + 2 < len(tokens) else None
    if tokens[index].level != 1 or following is None or following.type != "html_block":
        return False
    kinds = [child.type for child in tokens[index].children or [] if child.type != "text" or child.content.strip()]
    return (
        kinds[:1] == ["strong_open"]
        and kinds[-1] == "strong_close"
        and kinds.count("strong_open") == 1
        and not without_comments(following.content).strip()
    )


class _Reader:
    """Turns the parser's flat list of tokens into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._quotes = 0
        self._lists = 0
        self._marker = ""
        self._heading = 0
        self._cells: list[str] | None = None

    def flush(self) -> None:
        text = "\n".join(self._parts)
        self._parts.clear()
        if text.strip():
            self.blocks.append(Block(BlockKind.TEXT, text))

    def read(self, token: Token) -> None:
        match token.type:
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._code(token.content)
            case "html_block":
                self._html(token.content)
            case "heading_open":
                self.flush_outside_quote()
                self._heading = int(token.tag[1])
            case "heading_close":
                self._heading = 0
            case "blockquote_open":
                self.flush_outside_quote()
                self._quotes += 1
            case "blockquote_close":
                self._end_quote()
            case "bullet_list_open" | "ordered_list_open":
                self._lists += 1
            case "bullet_list_close" | "ordered_list_close":
                self._lists -= 1
                self._end_block()
            case "list_item_open":
                self._marker = f"{token.info}. " if token.info else "- "
            case "tr_open":
                self._cells = []
            case "tr_close":
                self._parts.append(" | ".join(self._cells or []))
                self._cells = None
            case "paragraph_close" | "table_close" | "hr":
                self._end_block()
            case _:
                pass

    def heading(self, token: Token, level: int) -> None:
        """Take a paragraph for a heading."""
        self.flush()
        self.blocks.append(Block(BlockKind.HEADING, inline_text(token.children or []), level))

    def flush_outside_quote(self) -> None:
        if not self._quotes:
            self.flush()

    def _end_block(self) -> None:
        if self._quotes and not self._lists:
            self._parts.append("")
        elif not self._lists:
            self.flush()

    def _end_quote(self) -> None:
        self._quotes -= 1
        if self._quotes:
            return
        text = "\n".join(self._parts)
        self._parts.clear()
        if text.strip():
            self.blocks.append(Block(BlockKind.QUOTE, text))

    def _inline(self, token: Token) -> None:
        text = inline_text(token.children or [])
        if self._cells is not None:
            self._cells.append(text.replace("\n", " ").strip())
        elif self._heading and not self._quotes and not self._lists:
            self.blocks.append(Block(BlockKind.HEADING, text, self._heading))
        else:
            self._parts.append(self._marker + text)
            self._marker = ""

    def _code(self, content: str) -> None:
        if self._quotes:
            self._parts.append(content)
            return
        if self._marker:
            self._parts.append(self._marker)
            self._marker = ""
        self.flush()
        self.blocks.append(Block(BlockKind.CODE, content))

    def _html(self, content: str) -> None:
        if not without_comments(content).strip():
            return
        blocks = html_blocks(content)
        if self._quotes:
            self._parts.extend(block.text for block in blocks)
            return
        self.flush()
        self.blocks.extend(blocks)


def inline_text(tokens: Sequence[Token]) -> str:
    """The words of inline tokens: links by their text, images by their alternative text."""
    parts: list[str] = []
    targets: list[tuple[str, int]] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline" | "text_special":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(inline_text(token.children or []))
            case "html_inline":
                parts.append(_html_inline(token.content))
            case "link_open":
                targets.append((str(token.attrGet("href") or ""), len(parts)))
            case "link_close" if targets:
                target, start = targets.pop()
                if not "".join(parts[start:]).strip():
                    parts.append(target)
            case _:
                pass
    return "".join(parts)


def _html_inline(content: str) -> str:
    match = _TAG_NAME.match(content)
    if match is None:
        # A comment, a declaration or CDATA.
        return ""
    name = match.group(1).lower()
    if name == "br":
        return "\n"
    if name == "img":
        alt = _ALT.search(content)
        return (alt.group(1) or alt.group(2) or "") if alt else ""
    # GitHub hides an unknown tag; here it is mostly a type such as List<String>, or <init> in a trace.
    return "" if name in KNOWN_TAGS else content
