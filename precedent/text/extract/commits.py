"""Documents of commits, which several kinds of source have."""

import re
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup.blocks import fold
from precedent.text.extract.model import Document

_FILES_SHOWN = 3
# What tools append. Trailers that name another item, such as Fixes or Closes, stay.
_TRAILER = re.compile(
    r"^[ \t]*(?:(?:Signed-off|Co-authored|Co-developed|Reviewed|Acked|Tested|Reported|Suggested|Approved"
    r"|Submitted|Committed|Generated|Merged)-by|Change-Id|git-svn-id|Reviewed-on|Commit-Queue|Cr-Commit-Position"
    r"|Cr-Original-Commit-Position|PiperOrigin-RevId|Cc|X-[A-Za-z-]+):[ \t][^\n]*$"
    r"|^[ \t]*\(cherry picked from commit [0-9a-f]+\)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)


def commit_document(payload: dict[str, Any]) -> Document:
    """A commit: its message without trailers, up to three files and the size of the change.

    Args:
        payload: `message` and `author_name`; `files`, `parents`, `insertions` and `deletions` where they are known.
    """
    raw = payload.get("message")
    # Not splitlines: it also breaks at form feeds and the like.
    message = raw.replace("\r\n", "\n").replace("\r", "\n") if isinstance(raw, str) else ""
    summary, _, body = _TRAILER.sub("", message).strip().partition("\n")
    title = fields.string(summary)
    files = fields.items(payload.get("files"))
    parents = fields.items(payload.get("parents"))
    parts = [fold(body), facts(files=_files(files), change=_size(payload, files))]
    return Document(
        title=title,
        text=compose(title, parts),
        type="merge" if len(parents) > 1 else None,
        author=_author(payload),
        url=fields.string(payload.get("html_url")) or fields.string(payload.get("url")) or None,
    )


def _files(files: list[object]) -> str:
    known = [found for file in files if (found := _file_name(file))]
    shown = ", ".join(known[:_FILES_SHOWN])
    more = len(known) - _FILES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _file_name(file: object) -> str | None:
    if isinstance(file, dict):
        return next((found for key in ("path", "filename", "name") if (found := fields.name(file.get(key)))), None)
    return fields.name(file)


def _size(payload: dict[str, Any], files: list[object]) -> str:
    inserted = _lines(payload, files, "insertions", "additions")
    deleted = _lines(payload, files, "deletions")
    counts = ((inserted, "insertions"), (deleted, "deletions"))
    return ", ".join(f"{number} {label}" for number, label in counts if number is not None)


def _lines(payload: dict[str, Any], files: list[object], *keys: str) -> int | None:
    for key in keys:
        for holder in (payload, payload.get("stats")):
            stated = fields.count(fields.member(holder, key))
            if stated is not None:
                return stated
    counted = [found for file in files for key in keys if (found := fields.count(fields.member(file, key))) is not None]
    return sum(counted) if counted else None


def _author(payload: dict[str, Any]) -> str | None:
    return fields.string(payload.get("author_name")) or fields.name(payload.get("author"))
