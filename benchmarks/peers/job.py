"""What the scripts of the peers share: the job on standard input, the issues, the answer on standard output.

It runs in the peers' environment, so that it imports nothing of Precedent's. The text of an issue is its summary,
description and environment as they are, an empty line between them.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Literal

Phase = Literal["first", "again", "ask", "changed"]
Cut = Literal["default", "window"]

# all-MiniLM-L6-v2 reads so many tokens of a passage, the two special ones included, and no more.
WINDOW = 256
# Passages that are cut to the window overlap by as much as Precedent's do.
OVERLAP = 32
# As many passages as pgvector's index returns unless it is told otherwise.
PASSAGES_ASKED = 40
TOKENISED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Job:
    """What a script is to do.

    Attributes:
        phase: `first` loads into an empty database, `again` the same issues; `ask` searches and counts; `changed` loads
            the issues of which some were changed.
        cut: `default` cuts as the tool's documentation does, `window` into passages that the model reads whole.
        issues: A file with a Jira issue per line.
        queries: A file with a `Query` per line.
        model: Folder of the sentence-transformers model.
        folder: Where the tool may keep files from one phase to the next.
        url: The database of the tool, `postgresql://...`.
    """

    phase: Phase
    cut: Cut
    issues: Path
    queries: Path
    model: Path
    folder: Path
    url: str = field(repr=False)

    def url_for(self, driver: str) -> str:
        """The database's URL as SQLAlchemy reads it."""
        return self.url.replace("postgresql://", f"postgresql+{driver}://", 1)


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as a peer gets it; `created` sorts as text."""

    key: str
    created: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question whose answers were created before it; `relevant` are the keys that count as found."""

    key: str
    text: str
    before: str
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A peer: how it loads, which passages it embeds, and the keys of the issues of the passages it finds, best first.

    `load` takes the job and whether the database is empty; `answers` gives a list per query.
    """

    packages: tuple[str, ...]
    load: Callable[[Job, bool], None]
    passages: Callable[[Job], Iterable[str]]
    answers: Callable[[Job, Sequence[Query]], list[list[str]]]


def moment(written: str) -> str:
    """A time as Jira writes it, in UTC and as ISO 8601."""
    return datetime.strptime(written, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC).isoformat(timespec="milliseconds")


def read(payload: dict[str, Any]) -> Issue:
    """A Jira issue."""
    fields = payload["fields"]
    parts = (fields.get(name) for name in ("summary", "description", "environment"))
    return Issue(payload["key"], moment(fields["created"]), "\n\n".join(part for part in parts if part))


def issues(path: Path) -> Iterator[Issue]:
    """The issues of a file."""
    with path.open(encoding="utf-8") as lines:
        yield from (read(json.loads(line)) for line in lines)


def serve(tool: Tool) -> None:
    """Do the job that standard input names and print what came of it as one JSON line."""
    settings = json.loads(sys.stdin.readline())
    for name in ("issues", "queries", "model", "folder"):
        settings[name] = Path(settings[name])
    job = Job(**settings)
    answer: dict[str, object] = {"versions": {name: version(name) for name in tool.packages}}
    if job.phase == "ask":
        answer |= counted(job, tool.passages(job)) | hits(job, tool)
    else:
        began = time.perf_counter()
        tool.load(job, job.phase == "first")
        answer["seconds"] = time.perf_counter() - began
    print(json.dumps(answer))


def counted(job: Job, passages: Iterable[str]) -> dict[str, int]:
    """How many passages and tokens there are, and how many of these the model does not read."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(job.model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    count = tokens = lost = 0
    remaining = iter(passages)
    while batch := list(islice(remaining, TOKENISED_AT_ONCE)):
        lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch_fast(batch)]
        count, tokens = count + len(lengths), tokens + sum(lengths)
        lost += sum(max(0, length - WINDOW) for length in lengths)
    return {"passages": count, "tokens": tokens, "lost": lost}


def hits(job: Job, tool: Tool) -> dict[str, int]:
    """Of how many queries something relevant is among the first ten other issues."""
    with job.queries.open(encoding="utf-8") as lines:
        queries = [Query(**json.loads(line)) for line in lines]
    found = 0
    for query, keys in zip(queries, tool.answers(job, queries), strict=True):
        others = [key for key in dict.fromkeys(keys) if key != query.key]
        found += not set(query.relevant).isdisjoint(others[:10])
    return {"hits": found}
