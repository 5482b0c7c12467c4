"""Wiki markup as the document that Jira Cloud makes of it: paragraphs, line breaks and code blocks."""

import re
from typing import Any

CODE = re.compile(r"\{(code|noformat)(?::([\w+-]+))?\}\n?(.*?)\n?\{\1\}", re.DOTALL)
# Fields whose text Cloud's version 3 sends as documents.
RICH = ("description", "environment")


def document(text: str) -> dict[str, Any]:
    """The document of a text in wiki markup; marks within a paragraph stay as they are."""
    content: list[dict[str, Any]] = []
    position = 0
    text = text.replace("\r\n", "\n")
    for code in CODE.finditer(text):
        content.extend(_paragraphs(text[position : code.start()]))
        block: dict[str, Any] = {"type": "codeBlock", "content": [{"type": "text", "text": code.group(3)}]}
        if code.group(2):
            block["attrs"] = {"language": code.group(2)}
        content.append(block)
        position = code.end()
    content.extend(_paragraphs(text[position:]))
    return {"version": 1, "type": "doc", "content": content}


def with_documents(issue: dict[str, Any]) -> dict[str, Any]:
    """An issue as version 3 of the interface sends it."""
    fields = dict(issue["fields"])
    for name, value in fields.items():
        if isinstance(value, str) and (name in RICH or (name.startswith("customfield_") and "\n" in value)):
            fields[name] = document(value)
    return issue | {"fields": fields}


def comment_with_document(comment: dict[str, Any]) -> dict[str, Any]:
    """A comment as version 3 of the interface sends it."""
    return comment | {"body": document(comment["body"])}


def _paragraphs(text: str) -> list[dict[str, Any]]:
    return [{"type": "paragraph", "content": _lines(part)} for part in re.split(r"\n\s*\n", text) if part.strip()]


def _lines(part: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    for line in part.strip("\n").split("\n"):
        if nodes:
            nodes.append({"type": "hardBreak"})
        if line:
            nodes.append({"type": "text", "text": line})
    return nodes
