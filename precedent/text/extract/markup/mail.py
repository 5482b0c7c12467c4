"""What a mail program adds to an answer: the quoted message and the line that introduces it."""

import re

from precedent.text.extract.markup.blocks import normalise

_INTRODUCTION = re.compile(r"^[ \t>]*On\b[^\n]{5,200}(?:\n[^\n]{0,100})?\bwrote:[ \t]*$", re.MULTILINE)
_FORWARDED = re.compile(r"^-{2,} ?(?:Original Message|Forwarded message) ?-{2,}.*", re.MULTILINE | re.DOTALL)
_QUOTED_LINE = re.compile(r"^[ \t]*>[^\n]*\n?", re.MULTILINE)
_FOOTER = re.compile(r"^(?:—|--)[ \t]*\n(?:Reply to this email directly|You are receiving this).*", re.M | re.S)


def without_mail_quotes(text: str) -> str:
    """Drop the quoted message from an answer; lines with > in fenced or marked code are left alone."""
    text = normalise(text)
    if "wrote:" in text:
        text = _INTRODUCTION.sub("", text)
    if "Message" in text or "message" in text:
        text = _FORWARDED.sub("", text)
    text = _FOOTER.sub("", text)
    if ">" in text and "```" not in text and "{code" not in text and "{noformat" not in text:
        text = _QUOTED_LINE.sub("\n", text)
    return text
