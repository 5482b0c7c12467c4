"""Whatever a payload looks like, there is a document."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.sources import registry
from precedent.sources.registry import extract
from precedent.text.extract.markup import Markup, clean_text
from tests.unit.text.records import needs_records, real

SHAPES = [shape.name for kind in registry.kinds().values() for shape in kind.shapes]
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = re.findall(
    r"\w+",
    """title body state state_reason labels user html_url merged merged_at base draft name status impact
incident_updates components message files parents stats insertions author_name fields key self names path
mapped postmortem_body created_at comment description summary issuetype priority resolution environment
customfield_1 content type attrs text""",
)
payloads = st.dictionaries(st.sampled_from(FIELDS), odd, max_size=8)
nested = st.builds(lambda outer, inner: {**outer, "fields": inner, "mapped": inner}, payloads, payloads)
MARKS = re.findall(
    r"\S+",
    """{code} {code:java} {noformat} {quote} {panel:title=x} {color:red} {{ }} [ ] | || [a|http://b] [~u]
    * - # h1. bq. ** __ ``` ` > <b> </b> <div> <!-- --> <td> <pre> </pre> ![a](b) [c](d) --- \\ \\\\ !a.png!
    ?? + ^ ~ word 😀 &amp; wrote: 1. [x] &#x0; <a <![CDATA[ ]]> <?xml @ On: https://a.b/?c""",
)
marks = st.lists(
    st.sampled_from([*MARKS, " ", "\n", "\n\n", "\r", "\x1b[0m", "\ufdd0", "\u2028"]),
    max_size=40,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SHAPES), payloads | nested)
def test_odd_payloads_give_a_document(shape: str, payload: dict[str, Any]) -> None:
    found = extract(shape, payload)
    assert all(said.text for said in found.comments)
    assert "\n" not in found.title
    assert "\r" not in found.text
    assert found.text == found.text.strip("\n")


@settings(max_examples=500, deadline=None)
@given(marks | st.text(max_size=200), st.sampled_from([*Markup, None]), st.booleans())
def test_odd_markup_gives_text(body: str, markup: Markup | None, quotes: bool) -> None:
    text = clean_text(body, markup, quotes=quotes)
    assert "\r" not in text
    assert "\x1b[0m" not in text


@pytest.mark.parametrize("shape", SHAPES)
def test_an_empty_record_has_neither_title_nor_text(shape: str) -> None:
    found = extract(shape, {})
    assert (found.title, found.text) == ("", "")


@needs_records
@pytest.mark.records
def test_every_jira_issue_is_extracted() -> None:
    # Two issues have no summary: their caller falls back to the key.
    untitled = {"AC-523", "AC-2241"}
    for payload in real("jira/issues"):
        found = extract("jira_issue", payload)
        assert bool(found.title) is (payload["key"] not in untitled)
        assert found.text
        assert found.state


@needs_records
@pytest.mark.records
def test_every_github_record_is_extracted() -> None:
    for name, shape in (
        ("issue_comments", "github_comment"),
        ("reviews", "github_review"),
        ("review_comments", "github_review_comment"),
    ):
        assert any(extract(shape, payload).text for payload in real(f"github/{name}"))
    for name, shape in (("issues", "github_issue"), ("pulls", "github_pull")):
        for payload in real(f"github/{name}"):
            found = extract(shape, payload)
            assert found.title
            # In code a comment is shown.
            assert "<!--" not in found.text or "```" in payload["body"]
            assert found.state in {"open", "closed", "merged"}


@needs_records
@pytest.mark.records
def test_every_commit_and_incident_is_extracted() -> None:
    for payload in real("git/commits"):
        found = extract("git_commit", payload)
        assert found.title
        assert "Signed-off-by" not in found.text
    for payload in real("incidents/statuspage"):
        found = extract("statuspage_incident", payload)
        assert found.title
        assert found.resolution
        assert len(found.resolution) <= 200
