"""What each markup says once its marks are gone."""

from typing import Any

import pytest

from precedent.text.extract.markup import Markup, clean_text, detect

MARKDOWN = """### What happened?

It crashes with `foo_bar` in List<String>, see [docs](https://x.y/z) and https://github.com/a/b/issues/1?x=2#c.
Second   line<br>third ![shot](https://i/u.png) <img alt="pic" src="x"> ~~old~~ **bold** <!-- hidden -->

### Log
<!-- paste here -->

- [x] done
- [ ] open
  1. sub

| a | b |
|---|---|
| 1 | `x` |

> quoted
> text

```cpp
int main() {

  return 0;
}
```
<details><summary>More</summary>

inside

</details>

### Version

_No response_
"""

MARKDOWN_TEXT = """What happened?

It crashes with foo_bar in List<String>, see docs and github.com/a/b/issues/1.
Second line
third shot pic old bold

Log

- [x] done
- [ ] open
1. sub

a | b
1 | x

quoted
text

int main() {

  return 0;
}

More

inside"""

WIKI = """h2. Steps

* open *the* app\r
** tap [here|https://a.b/c?x=1]
# _one_

{code:title=foo.js|java}
if (a) {
  b();   *not bold*
}
{code}
h3. Log

h3. Env
||Name||Value||
|os|{{iOS 9}}|
|see|[docs|http://d.e]|

{quote}said *this*{quote}
bq. and that
[~jdoe] see [^trace.log] and !Screen Shot 1.png|thumbnail! {color:red}red{color} \\[x\\]
[INFO] a-b -c [0x00] /usr/_foo/bar_"""

WIKI_TEXT = """Steps

- open the app
- tap here
- one

foo.js

if (a) {
  b();   *not bold*
}

Env

Name | Value
os | iOS 9
see | docs

said this

and that

@jdoe see trace.log and Screen Shot 1.png red [x]
[INFO] a-b -c [0x00] /usr/_foo/bar_"""

HTML = """<h2>Title</h2><p>Hello <b>big</b>
world</p><ul><li>one</li><li><p>two</p></li></ul><pre>a
  b</pre><table><tr><th>x</th><th>y</th></tr><tr><td>1</td><td>2</td></tr></table>
<blockquote><p>q</p></blockquote>List&lt;String&gt; Map<Key> <script>bad()</script>
<h2>Nothing</h2><!-- x -->"""

HTML_TEXT = """Title

Hello big world

- one
- two

a
  b

x | y
1 | 2

q

List<String> Map<Key>"""


def node(kind: str, *content: dict[str, Any], **attributes: object) -> dict[str, Any]:
    return {"type": kind, "attrs": attributes, "content": list(content)}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


RICH_TEXT = node(
    "doc",
    node("heading", words("Cause"), level=2),
    node(
        "paragraph",
        words("Hi "),
        node("mention", text="@Bob"),
        node("hardBreak"),
        node("emoji", shortName=":x:", text="😀"),
        words(" "),
        node("inlineCard", url="https://a.b/c"),
        words(" "),
        node("date", timestamp="1700000000000"),
    ),
    node(
        "bulletList",
        node(
            "listItem",
            node("paragraph", words("one")),
            node("orderedList", node("listItem", node("paragraph", words("sub"))), order=3),
        ),
    ),
    node("codeBlock", words("a\n  b")),
    node("panel", node("paragraph", words("note"))),
    node("expand", node("paragraph", words("inside")), title="More"),
    node("table", node("tableRow", *(node("tableCell", node("paragraph", words(cell))) for cell in "kv"))),
    node("mediaSingle", node("media", alt="shot.png")),
    node("blockquote", node("paragraph", words("said"))),
    node("taskList", node("taskItem", words("t"), state="DONE")),
    node("somethingNew", node("paragraph", words("kept"))),
    node("heading", words("Nothing"), level=2),
)

RICH_TEXT_TEXT = """Cause

Hi @Bob
😀 a.b/c 2023-11-14

- one
3. sub

a
  b

note

More

inside

k | v

shot.png

said

- [x] t

kept"""


@pytest.mark.parametrize(
    ("body", "markup", "text"),
    [
        (MARKDOWN, Markup.MARKDOWN, MARKDOWN_TEXT),
        (WIKI, Markup.JIRA, WIKI_TEXT),
        (HTML, Markup.HTML, HTML_TEXT),
        (RICH_TEXT, None, RICH_TEXT_TEXT),
    ],
    ids=["markdown", "jira", "html", "atlassian"],
)
def test_each_markup_is_read_to_its_words(body: object, markup: Markup | None, text: str) -> None:
    assert clean_text(body, markup) == text


@pytest.mark.parametrize(
    ("body", "markup"),
    [
        (MARKDOWN, Markup.MARKDOWN),
        (WIKI, Markup.JIRA),
        (HTML, Markup.HTML),
        ("Just words, 5 < 6.", Markup.PLAIN),
    ],
)
def test_the_markup_is_recognised(body: str, markup: Markup) -> None:
    assert detect(body) is markup


@pytest.mark.parametrize(
    "text",
    [
        "List<b> only",
        "{foo} [INFO] bar",
        "*bold* only",
        " - item\n - item",
        "a | b",
        "x = y * z * 2",
        "# one\n# two\n## three",
    ],
)
def test_doubtful_signs_count_as_plain_text(text: str) -> None:
    assert detect(text) is Markup.PLAIN


def test_quotations_are_dropped_from_answers_only() -> None:
    mail = "> old\nnew\n\nOn Mon, Jan 1 2020 at 10:00, Foo <a@b.c> wrote:\n> x\n> y\n"
    assert clean_text(mail, Markup.MARKDOWN, quotes=False) == "new"
    assert clean_text("{quote}old{quote}\nnew\nbq. old too", Markup.JIRA, quotes=False) == "new"
    assert clean_text("<blockquote>old</blockquote><p>new</p>", Markup.HTML, quotes=False) == "new"
    assert clean_text("> old\nnew", Markup.MARKDOWN) == "old\n\nnew"


def test_template_headings_in_bold_go_with_their_instructions() -> None:
    body = "**Expected behavior**\n\n<!-- what? -->\n\n**Actual behavior**\n\n<!-- what? -->\n\nIt fails.\n"
    assert clean_text(body, Markup.MARKDOWN) == "Actual behavior\n\nIt fails."


def test_headings_without_content_are_kept_where_they_are_the_content() -> None:
    frame = "at build (/Users/me/Library/Application Support/node_modules/ioslib/build.js:298)"
    log = f"It fails:\nh6. TypeError: no property\nh6.   {frame}\n"
    assert clean_text(log, Markup.JIRA) == f"It fails:\n\nTypeError: no property\n\n{frame}"
    assert clean_text("h3. Steps\nh3. Expected\n\nWorks", Markup.JIRA) == "Expected\n\nWorks"


def test_invisible_characters_and_terminal_colours_go() -> None:
    assert clean_text("a\x1b[31mb\x1b[0m\u200bc\x00\rd\ufeff", Markup.PLAIN) == "abc\nd"


def test_lists_keep_their_numbers_and_tables_a_line_for_each_row() -> None:
    assert (
        clean_text("3. three\n4. four\n\n   more\n- - nested", Markup.MARKDOWN) == "3. three\n4. four\nmore\n\n- nested"
    )
    assert clean_text('<ol start="7"><li>a<ul><li>b</li></ul></li><li>c</li></ol>', Markup.HTML) == "7. a\n- b\n8. c"
    table = '| a | b |\n|---|---|\n| <img alt="one" src="x"> | two<br>lines |'
    assert clean_text(table, Markup.MARKDOWN) == "a | b\none | two lines"


@pytest.mark.parametrize("markup", [Markup.MARKDOWN, Markup.HTML])
def test_an_element_without_an_end_swallows_nothing(markup: Markup) -> None:
    for name in ("script", "style", "textarea", "title", "svg"):
        assert clean_text(f"before <{name}> after", markup) == f"before <{name}> after"
    assert clean_text("before <script>x</script> after", Markup.HTML) == "before after"
    assert clean_text("[](http://a.b/c)", Markup.MARKDOWN) == "a.b/c"
