"""GitHub's Markdown into blocks, by way of the HTML that it stands for."""

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from precedent.text.extract.markup.blocks import Block, BlockKind, normalise
from precedent.text.extract.markup.html import html_blocks, without_comments

# Past this depth the parser leaves text out; such a text is taken as it stands.
_MAX_NESTING = 50
_QUOTED_LINE = re.compile(r" {0,3}>")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def markdown_blocks(text: str) -> list[Block]:
    """Read Markdown with GitHub's tables, strikethrough, task lists and embedded HTML."""
    text = _end_quotations(normalise(text))
    parser = _parser()
    tokens = parser.parse(text)
    if any(token.level >= _MAX_NESTING - 1 for token in tokens):
        return [Block(BlockKind.TEXT, text)]
    _mark_template_headings(tokens)
    return html_blocks(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> MarkdownIt:
    # GitHub shows each line of an issue or a comment as a line of its own.
    options = {"maxNesting": _MAX_NESTING, "breaks": True}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


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


def _mark_template_headings(tokens: list[Token]) -> None:
    """Make a heading of each paragraph that is all bold with an instruction in a comment below, as in issue templates.

    An empty section then goes with its heading.
    """
    for index in range(len(tokens) - 3):
        opening, inline, closing, following = tokens[index : index + 4]
        if (
            opening.type == "paragraph_open"
            and opening.level == 0
            and following.type == "html_block"
            and _all_bold(inline)
            and not without_comments(following.content).strip()
        ):
            opening.tag = closing.tag = "h6"


def _all_bold(inline: Token) -> bool:
    kinds = [child.type for child in inline.children or [] if child.type != "text" or child.content.strip()]
    return kinds[:1] == ["strong_open"] and kinds[-1] == "strong_close" and kinds.count("strong_open") == 1
