"""Wiki markup as people write it: broken, and with links, images and tables."""

import pytest

from precedent.text.extract.markup import Markup, clean_text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{code}unclosed", "unclosed"),
        ("{quote}unclosed\n\nmore", "unclosed\n\nmore"),
        ("{code:java}a{noformat}b{code}c{noformat}", "a{noformat}b\n\nc"),
        ("{quote}a{code}b{quote}c{code}d{quote}e", "a\n\nb{quote}c\n\nd\n\ne"),
        ("| | | +-- escodegen@1.11.1\n| `-- b", "| | | +-- escodegen@1.11.1\n| `-- b"),
    ],
)
def test_broken_wiki_markup_loses_no_text(body: str, text: str) -> None:
    assert clean_text(body, Markup.JIRA) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[~jdoe] [~Jane Doe] [~accountid:5b10]", "@jdoe @Jane Doe @5b10"),
        ("[*bold* words|http://a.b/c|a tip] [http://a.b/c]", "bold words a.b/c"),
        ("[Bob|mailto:b@c.d] [mailto:b@c.d] [^trace.log] [log|^trace.log]", "Bob b@c.d trace.log log"),
        ("!shot 1.png|width=5! wow!", "shot 1.png wow!"),
        ("|[a|http://b.c|t]|{{x|y}}| |\n||*h*||_i_||", "a | x|y |\nh | i"),
    ],
    ids=["people", "links", "mail and files", "images", "tables"],
)
def test_of_wiki_links_images_and_cells_the_words_stay(body: str, text: str) -> None:
    assert clean_text(body, Markup.JIRA) == text
