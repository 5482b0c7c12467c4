"""Odd texts lose nothing and take bounded time."""

import time
from typing import Any

import pytest

from precedent.text.extract.markup import Markup, clean_text


def test_deep_nesting_loses_no_text() -> None:
    assert "deep" in clean_text("> " * 500 + "deep", Markup.MARKDOWN)
    assert "deep" in clean_text("<div>" * 3000 + "deep" + "</div>" * 3000, Markup.HTML)
    document: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(300):
        document = {"type": "panel", "content": [document]}
    assert "deep" in clean_text({"type": "doc", "content": [document]})


@pytest.mark.parametrize(
    "part", ["<!--", "<a href=", "<div>", "<td>", "<b", "> ", "- ", "[](", "`", "&", "1. a\n", "<li>", "<script>"]
)
@pytest.mark.parametrize("markup", [Markup.MARKDOWN, Markup.HTML])
def test_odd_marks_take_no_more_than_linear_time(part: str, markup: Markup) -> None:
    started = time.process_time()
    clean_text(part * (40_000 // len(part)), markup)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "part",
    [
        "-x ",
        "[a ",
        "[a|http://b ",
        "{color:red}",
        "|[a|\n",
        "{{a ",
        "{code}",
        "*a _b ",
        "|[a|http://b]|\n",
        "!a.png",
        "[~a ",
    ],
)
def test_odd_wiki_texts_take_no_more_than_linear_time(part: str) -> None:
    started = time.process_time()
    clean_text(part * (40_000 // len(part)), Markup.JIRA)
    assert time.process_time() - started < 5
