"""Which markup a text is written in."""

import re
from enum import StrEnum


class Markup(StrEnum):
    """The markups that can be read."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"
    JIRA = "jira"


_WIKI = re.compile(
    r"\{(?:code|noformat|quote|panel|color)(?::[^{}\n]{0,200})?\}|^[ \t]*h[1-6]\.[ \t]+\S"
    r"|^bq\. |^\|\|.*\|\|[ \t]*$"
    r"|\[[^\[\]\n|]{1,200}\|(?:https?://|mailto:|#)[^\[\]\n]+\]|\[~[\w:-]+\]|\[\^[^\]\n]{1,200}\.\w{1,5}\]"
    r"|!\S[^!\n|]{0,200}\.(?:png|jpe?g|gif)(?:\|[^!\n]{0,100})?!",
    re.MULTILINE | re.IGNORECASE,
)
_MARKDOWN = re.compile(
    r"^ {0,3}(?:```|~~~)|\]\((?:https?://|mailto:|/|#)[^)\s]*\)|^[ \t]*[-*+] \[[ xX]\] "
    r"|\*\*\S[^*\n]{0,200}\*\*|^ {0,3}\|?[ \t]*:?-{3,}:?[ \t]*\||`[^`\n]{1,200}`|^ {0,3}> ?\S|<!--",
    re.MULTILINE,
)
_HASHES = re.compile(r"^ {0,3}(#{1,6}) +\S", re.MULTILINE)
_HTML = re.compile(
    r"</(?:p|div|li|ul|ol|td|tr|table|h[1-6]|pre|blockquote|strong|em|a|span|b|i|code)>"
    r"|<br ?/?>|<p>|<img [^<>]*>",
    re.IGNORECASE,
)


def detect(text: str) -> Markup:
    """Guess the markup of a text that came without a statement of it; plain when nothing is certain.

    A text may hold signs of several, as Markdown that shows HTML in a code block does; the most frequent
    one wins, and Markdown, which may embed HTML, before HTML where both occur.
    """
    head = text[:20_000].replace("\r", "")
    wiki, markdown, html = (sum(1 for _ in sign.finditer(head)) for sign in (_WIKI, _MARKDOWN, _HTML))
    hashes = _HASHES.findall(head)
    # A Markdown text has one first heading; several are the numbered list of wiki markup.
    markdown += len(hashes) if hashes.count("#") < 2 else 0
    if wiki and wiki >= markdown:
        return Markup.JIRA
    if markdown and (markdown * 2 >= html or not head.lstrip().startswith("<")):
        return Markup.MARKDOWN
    # One tag among lines of plain text is an example; reading it as HTML would join the lines.
    certain = html > 1 or (html and ("\n" not in head.strip() or head.lstrip().startswith("<")))
    return Markup.HTML if certain else Markup.PLAIN
