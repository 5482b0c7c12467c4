"""jira2markdown's grammar for links, mentions, attachments, images and tables, with plain text as output."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# A table longer than this is split at its bars without the library; real ones are shorter.
_MAX_TABLE = 1_500
_BARS = re.compile(r"\|+")


def plain_text(markup: str) -> str:
    """The words of one link, mention, attachment or image, or of one whole table."""
    is_table = markup.lstrip().startswith("|")
    if is_table and (len(markup) > _MAX_TABLE or markup.count("[") > 30):
        return "\n".join(_BARS.sub(" | ", line.strip().strip("|")) for line in markup.split("\n"))
    text: str = _grammar().transform_string(markup)
    return text


@contextmanager
def _significant_whitespace() -> Iterator[None]:
    """Undo what importing jira2markdown does to every other user of pyparsing, such as matplotlib."""
    from pyparsing import ParserElement

    before = ParserElement.DEFAULT_WHITE_CHARS
    ParserElement.set_default_whitespace_chars("")
    try:
        yield
    finally:
        ParserElement.set_default_whitespace_chars(before)


@cache
def _grammar() -> Any:
    with _significant_whitespace():
        from jira2markdown.elements import MarkupElements
        from jira2markdown.markup.images import Image
        from jira2markdown.markup.links import Attachment, Link, MailTo, Mention, Url
        from jira2markdown.markup.tables import Table
        from pyparsing import Forward, ParseResults

        class PlainMailTo(MailTo):  # type: ignore[misc]
            def action(self, tokens: ParseResults) -> str:
                return str(getattr(tokens, "alias", "")).strip() or str(tokens.email)

        class PlainAttachment(Attachment):  # type: ignore[misc]
            def action(self, tokens: ParseResults) -> str:
                return str(tokens.filename)

        class PlainLink(Link):  # type: ignore[misc]
            def action(self, tokens: ParseResults) -> str:
                # The third part of [text|address|tip] shows only while one points at the link.
                return str(getattr(tokens, "alias", "")).strip() or str(tokens.url).split("|")[0]

        class PlainImage(Image):  # type: ignore[misc]
            def action(self, tokens: ParseResults) -> str:
                return str(tokens.url)

        class PlainTable(Table):  # type: ignore[misc]
            def action(self, tokens: ParseResults) -> str:
                rows = ([self.markup.transform_string(cell).strip() for cell in row] for row in tokens)
                return "\n".join(" | ".join(" ".join(cell.split()) for cell in row) for row in rows) + "\n"

        elements = MarkupElements([Mention, PlainMailTo, PlainAttachment, PlainLink, Url, PlainImage, PlainTable])
        inline_markup, markup = Forward(), Forward()
        inline_markup <<= elements.expr(
            inline_markup, markup, {}, [element for element in elements if element.is_inline_element]
        )
        markup <<= elements.expr(inline_markup, markup, {}, elements)
        return markup
