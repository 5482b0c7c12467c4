"""Markdown, HTML, Jira's wiki markup and Atlassian documents into clean text."""

from precedent.text.extract.markup.detection import Markup, detect
from precedent.text.extract.markup.reader import clean_text

__all__ = ["Markup", "clean_text", "detect"]
