"""The issues that every tool loads, the same with a hundredth of them changed, and the queries.

As for the labelled sets, links, resolution, status and comments are left out, for they tell which issues are
duplicates; of each pair the later issue asks, with its own text, for the earlier one.
"""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.peers.job import Issue, Query, read
from benchmarks.ranking.labelled import KEPT_OF_AN_ISSUE
from benchmarks.setting import records

CHANGED_EVERY = 100


@dataclass(frozen=True, slots=True)
class Work:
    """The files of a run; `issues` and `queries` say how many there are."""

    before: Path
    after: Path
    asked: Path
    issues: int
    queries: tuple[Query, ...]


def prepare(folder: Path, count: int) -> Work:
    """Write the first `count` issues and what belongs to them."""
    found = list(islice(payloads(), count))
    queries = tuple(labelled({item["key"]: read(item) for item in found}))
    before = write(folder / "before.jsonl", found)
    after = write(folder / "after.jsonl", (changed(item, place) for place, item in enumerate(found)))
    asked = write(folder / "queries.jsonl", map(asdict, queries))
    return Work(before, after, asked, len(found), queries)


def payloads() -> Iterator[dict[str, Any]]:
    """The Jira issues in the order of their file."""
    with gzip.open(records("jira", "issues.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            issue = json.loads(line)
            kept = {name: issue["fields"].get(name) for name in KEPT_OF_AN_ISSUE}
            yield {"id": issue["id"], "key": issue["key"], "fields": kept}


def changed(payload: dict[str, Any], place: int) -> dict[str, Any]:
    """Every hundredth issue with one more paragraph, the others as they are."""
    if place % CHANGED_EVERY:
        return payload
    description = payload["fields"]["description"] or ""
    return payload | {"fields": payload["fields"] | {"description": f"{description}\n\nSeen again in build {place}."}}


def labelled(issues: dict[str, Issue]) -> Iterator[Query]:
    """A query for each issue that is the later one of a pair of duplicates, both of which are loaded."""
    relevant: dict[str, set[str]] = defaultdict(set)
    with records("labelled", "jira_duplicates.tsv").open(encoding="utf-8") as lines:
        for pair in csv.DictReader(lines, delimiter="\t"):
            if pair["query_key"] in issues and pair["relevant_key"] in issues:
                both = (issues[pair["query_key"]], issues[pair["relevant_key"]])
                earlier, later = sorted(both, key=lambda issue: issue.created)
                relevant[later.key].add(earlier.key)
    for key, names in relevant.items():
        yield Query(key, issues[key].text, issues[key].created, tuple(sorted(names)))


def write(path: Path, items: Iterable[dict[str, Any]]) -> Path:
    """A file with an object per line."""
    with path.open("w", encoding="utf-8") as file:
        # One real issue holds a NUL. PostgreSQL takes none, and LangChain and LlamaIndex give up the whole load there.
        file.writelines(json.dumps(item).replace("\\u0000", "") + "\n" for item in items)
    return path
