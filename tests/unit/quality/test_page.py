"""The page is one file that loads nothing, runs nothing and takes names for text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from precedent.quality.measures import Canary
from precedent.quality.report.page import quality_page
from tests.unit.quality.sample_report import MEASURES, content

VOID = {"meta", "br", "rect", "circle", "line", "polyline", "path"}


class Strict(HTMLParser):
    """Refuses what does not close, and remembers what it saw."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or (tag == "circle" and self.get_starttag_text()[-2:] != "/>"):  # type: ignore[index]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID and (not self.open or self.open[-1] != tag):
            return
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    text = quality_page(content())
    page = Strict(text.replace("<!doctype html>", ""))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href")]
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|https?://", text)


def test_names_are_text() -> None:
    text = quality_page(content(key='acme/<script>alert("x")</script>'))
    assert "<script" not in text
    assert "a&lt;b&gt;model" in text
    assert "5&amp;6" in text


def test_gates_values_and_who_set_their_thresholds_are_shown() -> None:
    words = " ".join(Strict(quality_page(content()).replace("<!doctype html>", "")).words)
    for gate in content().verdict.gates:
        assert gate.name.split("_")[0] in words
    assert "fixed" in words
    assert "tenant" in words
    assert "not measured" in words
    assert "more than chance" in words
    assert "Last 5 reports" in words


def test_a_failed_gate_is_named_at_the_top() -> None:
    broken = replace(MEASURES, canary=Canary(64, 0.2, 0.1, 1.0))
    text = quality_page(content(broken))
    assert "Failed: canary below .99, canary mean." in text
    assert 'class="verdict failed"' in text


def test_a_warning_is_no_failure() -> None:
    text = quality_page(content(replace(MEASURES, norm_max=2.0)))
    assert "Passed, with a warning: norm deviation." in text


@pytest.mark.parametrize("reports", [1, 2, 30])
def test_a_trend_of_any_length(reports: int) -> None:
    text = quality_page(content(reports=reports))
    # What was not measured once is a gap in the line, not a fall to zero.
    assert text.count('class="spark"') == (5 if reports > 1 else 0)
    assert ("First report" in text) == (reports == 1)


def test_changed_vectors_are_said() -> None:
    assert "The vectors have changed since" in quality_page(replace(content(), up_to_date=False))
    assert "The vectors have changed since" not in quality_page(content())


def test_a_report_that_kept_nothing_to_draw_has_no_charts() -> None:
    assert "<h2>Charts" not in quality_page(replace(content(), data=None))
