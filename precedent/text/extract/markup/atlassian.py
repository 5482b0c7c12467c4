"""The Atlassian document format (rich text of Jira Cloud, API version 3) into blocks."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from precedent.text.extract.markup.blocks import Block, BlockKind

# Recursion deeper than this is no document that an editor wrote.
_MAX_DEPTH = 60
_CARDS = frozenset({"inlineCard", "blockCard", "embedCard"})
_MEDIA = frozenset({"media", "mediaInline"})
_INLINE_NODES = _CARDS | _MEDIA | {"text", "hardBreak", "mention", "emoji", "status", "date", "placeholder"}


def is_atlassian_document(value: object) -> bool:
    """Whether this is a rich text document rather than some other object."""
    return isinstance(value, dict) and value.get("type") == "doc"


def atlassian_blocks(document: dict[str, Any]) -> list[Block]:
    """Read a document node; unknown nodes count as what they contain."""
    return list(_blocks(document, 0))


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    content = node.get("content")
    return [child for child in content if isinstance(child, dict)] if isinstance(content, list) else []


def _type(node: dict[str, Any]) -> str:
    """The type of a node; "" where it is missing or no text."""
    found = node.get("type")
    return found if isinstance(found, str) else ""


def _attribute(node: dict[str, Any], *names: str) -> str:
    attributes = node.get("attrs")
    if isinstance(attributes, dict):
        for name in names:
            value = attributes.get(name)
            if isinstance(value, str) and value.strip():
                return value
    return ""


def _blocks(node: dict[str, Any], depth: int) -> Iterator[Block]:
    if depth > _MAX_DEPTH:
        yield Block(BlockKind.TEXT, "\n".join(_all_text(node)))
        return
    match _type(node):
        case "paragraph" | "caption":
            yield Block(BlockKind.TEXT, _inline(node))
        case "heading":
            attributes = node.get("attrs")
            level = attributes.get("level") if isinstance(attributes, dict) else None
            yield Block(BlockKind.HEADING, _inline(node), level if isinstance(level, int) else 1)
        case "codeBlock":
            yield Block(BlockKind.CODE, _inline(node))
        case "blockquote":
            yield Block(BlockKind.QUOTE, _flat(node, depth))
        case "bulletList" | "orderedList" | "taskList" | "decisionList":
            yield Block(BlockKind.TEXT, "\n".join(_list_lines(node, depth)))
        case "table":
            yield Block(BlockKind.TEXT, "\n".join(_table_lines(node, depth)))
        case "expand" | "nestedExpand":
            yield Block(BlockKind.TEXT, _attribute(node, "title"))
            yield from _of_children(node, depth)
        case "rule":
            return
        case kind if kind in _INLINE_NODES:
            yield Block(BlockKind.TEXT, _inline_node(node))
        case _:
            yield from _of_children(node, depth)


def _of_children(node: dict[str, Any], depth: int) -> Iterator[Block]:
    for child in _children(node):
        yield from _blocks(child, depth + 1)


def _flat(node: dict[str, Any], depth: int) -> str:
    return "\n".join(block.text for block in _of_children(node, depth) if block.text.strip())


def _list_lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    ordered = _type(node) == "orderedList"
    attributes = node.get("attrs")
    first = attributes.get("order") if isinstance(attributes, dict) else None
    number = first if isinstance(first, int) else 1
    for item in _children(node):
        if _type(item) in {"bulletList", "orderedList", "taskList", "decisionList"}:
            yield from _list_lines(item, depth + 1) if depth < _MAX_DEPTH else _all_text(item)
            continue
        # Items of task and decision lists hold their words without a paragraph around them.
        inline = _type(item) in {"taskItem", "decisionItem"}
        text = _inline(item) if inline else _flat(item, depth + 1)
        if _type(item) == "taskItem":
            text = ("[x] " if _attribute(item, "state") == "DONE" else "[ ] ") + text
        yield (f"{number}. " if ordered else "- ") + text
        number += 1


def _table_lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    for row in _children(node):
        cells = (" ".join(_flat(cell, depth + 1).split()) for cell in _children(row))
        yield " | ".join(cells)


def _inline(node: dict[str, Any]) -> str:
    return "".join(_inline_node(child) for child in _children(node))


def _inline_node(node: dict[str, Any]) -> str:
    match _type(node):
        case "text":
            text = node.get("text")
            return text if isinstance(text, str) else ""
        case "hardBreak":
            return "\n"
        case "mention" | "status" | "placeholder":
            return _attribute(node, "text")
        case "emoji":
            return _attribute(node, "text", "shortName")
        case kind if kind in _CARDS:
            return _attribute(node, "url")
        case kind if kind in _MEDIA:
            return _attribute(node, "alt")
        case "date":
            return _date(_attribute(node, "timestamp"))
        case _:
            return "\n".join(_all_text(node))


def _date(milliseconds: str) -> str:
    # Twelve or thirteen digits: every day from 1973 to 2286.
    if not re.fullmatch(r"[0-9]{12,13}", milliseconds):
        return milliseconds
    return datetime.fromtimestamp(int(milliseconds) // 1000, UTC).date().isoformat()


def _all_text(node: dict[str, Any]) -> Iterator[str]:
    """Every string in the order of reading, without recursion."""
    stack = [node]
    while stack:
        current = stack.pop()
        text = current.get("text")
        if isinstance(text, str):
            yield text
        stack.extend(reversed(_children(current)))
