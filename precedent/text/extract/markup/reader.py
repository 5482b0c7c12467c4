"""The clean text of a body, whichever markup it is written in."""

from typing import Any

from precedent.text.extract.markup.atlassian import atlassian_blocks, is_atlassian_document
from precedent.text.extract.markup.blocks import Block, BlockKind, render
from precedent.text.extract.markup.detection import Markup, detect
from precedent.text.extract.markup.html import html_blocks
from precedent.text.extract.markup.jira_wiki import wiki_blocks
from precedent.text.extract.markup.mail import without_mail_quotes
from precedent.text.extract.markup.markdown import markdown_blocks

# A longer text, or one with more brackets, is no markup that people wrote but a log, and is taken as it stands: to read
# it would take seconds. GitHub takes 65,536 characters, Jira half of that.
LONGEST_MARKUP = 150_000
MOST_BRACKETS = 10_000


def clean_text(value: object, markup: Markup | None = None, *, quotes: bool = True) -> str:
    """The clean text of a body: a string in the given markup (or a guessed one) or a rich text document.

    Anything else, such as a missing body, has no text. `quotes` is false for comments, where a
    quotation repeats what stands in the document already.
    """
    return render(_blocks(value, markup, quotes=quotes), quotes=quotes)


def _blocks(value: object, markup: Markup | None, *, quotes: bool) -> list[Block]:
    if isinstance(value, dict):
        document: dict[str, Any] = value
        return atlassian_blocks(document) if is_atlassian_document(document) else []
    if not isinstance(value, str) or not value.strip():
        return []
    markup = (markup or detect(value)) if _is_readable(value) else Markup.PLAIN
    text = value if quotes or markup is Markup.HTML else without_mail_quotes(value)
    match markup:
        case Markup.MARKDOWN:
            return markdown_blocks(text)
        case Markup.HTML:
            return html_blocks(text)
        case Markup.JIRA:
            return wiki_blocks(text)
        case Markup.PLAIN:
            return [Block(BlockKind.TEXT, text)]


def _is_readable(text: str) -> bool:
    return len(text) <= LONGEST_MARKUP and text.count("[") <= MOST_BRACKETS
