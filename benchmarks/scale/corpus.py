"""Corpora of any size from real sentences: new documents in the words, lengths and shapes of real ones."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from benchmarks.setting import records

SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
DAYS = 1_500


@lru_cache(maxsize=1)
def sentences() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Titles, and sentences of 20 to 300 characters, of the real Jira issues."""
    titles, found = [], []
    with gzip.open(records("jira", "issues.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            fields = json.loads(line)["fields"]
            titles.append(fields.get("summary") or "untitled")
            parts = SENTENCE.split(fields.get("description") or "")[:40]
            found += [part.strip() for part in parts if 20 <= len(part) <= 300]
    return tuple(titles), tuple(found)


def issues(count: int, seed: int = 1) -> Iterator[dict[str, object]]:
    """GitHub issues of one to six resampled sentences below a resampled title; the same for the same seed."""
    titles, parts = sentences()
    draw = random.Random(seed)  # noqa: S311 - a corpus, not a secret
    for number in range(1, count + 1):
        day = draw.randrange(DAYS)
        moment = f"{2021 + day // 365}-{day % 365 // 31 + 1:02d}-{day % 28 + 1:02d}T{draw.randrange(24):02d}:00:00Z"
        yield {
            "id": number,
            "number": number,
            "url": f"https://api.github.com/repos/bench/corpus/issues/{number}",
            "title": f"{draw.choice(titles)} ({number})",
            "body": "\n".join(draw.choice(parts) for _ in range(draw.choice((1, 1, 2, 2, 3, 4, 6)))),
            "state": draw.choice(("open", "closed")),
            "labels": [{"name": draw.choice(("bug", "feature", "docs"))}],
            "user": {"login": f"user{draw.randrange(50)}"},
            "created_at": moment,
            "updated_at": moment,
        }


def write(path: Path, count: int, seed: int = 1) -> Path:
    """A JSONL file of so many issues."""
    with path.open("w", encoding="utf-8") as file:
        for issue in issues(count, seed):
            file.write(json.dumps(issue) + "\n")
    return path
