"""Three labelled sets of real records, loaded the way a user loads them, and how an answer is scored.

- `hadoop duplicates`: Hadoop bug reports, each with a known duplicate; the later report asks for the earlier one.
- `jira duplicates`: issues of four Jira projects that somebody linked as duplicates; likewise.
- `issue to commit`: an Alloy issue asks for the commits that name it, merges left out.

What gives the answer away is left out before loading: of Jira issues links, resolution, status and comments, of commit
messages the issue's key. Duplicates must have been created before the query, and the query itself is excluded. The
query is the document's own title and text. Each set is split by the hash of the query's id: everything that was chosen
was chosen on the tuning half. Vectors stay in the tenants `bench-hadoop` and `bench-jira`, so that only the first run
embeds.
"""

import csv
import gzip
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from benchmarks.setting import records
from orchestration.cli import run
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy

KEPT_OF_AN_ISSUE = (
    "summary",
    "description",
    "environment",
    "issuetype",
    "priority",
    "components",
    "labels",
    "created",
    "reporter",
)
DOCUMENTS = "SELECT external_id, kind, title, text, created_at FROM documents ORDER BY kind, external_id"
ISSUE_KEY = re.compile(r"\[?\b(?:aloy[-_ #]{0,2}|alloy-)\d+\w*\]?:?", re.IGNORECASE)
HADOOP_COLUMNS = ("id=Issue id", "title=Summary", "body=Description", "created_at=Created")


@dataclass(frozen=True)
class Document:
    """A document as the platform holds it."""

    external_id: str
    kind: str
    title: str
    text: str
    created_at: datetime | None

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}"


@dataclass(frozen=True)
class LabelledSet:
    """Queries with what counts as found; `kind` is what they look for, among the documents of one tenant."""

    name: str
    tenant: str
    kind: str
    only_earlier: bool
    relevant: dict[str, frozenset[str]]

    @cached_property
    def documents(self) -> dict[str, Document]:
        """The tenant's documents by external id."""
        settings = Settings.from_environment()
        database = Database.open(settings)
        tenant = tenancy.get(database, self.tenant)
        with database.bulk(tenant.id) as connection:
            rows = connection.execute(DOCUMENTS).fetchall()
        database.close()
        return {row[0]: Document(*row) for row in rows}

    @cached_property
    def candidates(self) -> list[Document]:
        """What can be found."""
        return [document for document in self.documents.values() if document.kind == self.kind]

    @property
    def queries(self) -> list[Document]:
        """Who asks."""
        return [self.documents[name] for name in self.relevant]

    def allowed(self, query: Document, candidate: Document) -> bool:
        """Whether a candidate may be an answer: not the query itself, and where it must be, from before it."""
        if candidate.external_id == query.external_id:
            return False
        if not self.only_earlier or query.created_at is None:
            return True
        return candidate.created_at is not None and candidate.created_at < query.created_at

    def batch(self, mode: str, k: int = 10) -> Iterator[dict[str, Any]]:
        """The lines of `search --batch`."""
        for query in self.queries:
            before = query.created_at.isoformat() if self.only_earlier and query.created_at else None
            yield {
                "id": query.external_id,
                "query": query.whole,
                "k": k,
                "mode": mode,
                "kinds": [self.kind],
                "before": before,
                "exclude": [query.external_id],
            }

    def halves(self) -> dict[str, set[str]]:
        """The ids of all queries, of the tuning half and of the held-out half."""
        held_out = {name for name in self.relevant if hashlib.sha256(name.encode()).digest()[0] % 2}
        return {"all": set(self.relevant), "tuning": set(self.relevant) - held_out, "held out": held_out}

    def score(self, found: dict[str, list[str]], chosen: set[str]) -> tuple[float, float, float]:
        """hit@1, hit@10 and MRR@10 of the chosen queries; `found` has each query's first ten ids."""
        ranks = [
            next((rank for rank, item in enumerate(found[name][:10], 1) if item in self.relevant[name]), None)
            for name in chosen
        ]
        n = len(ranks) or 1
        hits = sum(rank is not None for rank in ranks)
        return sum(rank == 1 for rank in ranks) / n, hits / n, sum(1 / rank for rank in ranks if rank) / n


def load() -> list[LabelledSet]:
    """Load what is not loaded yet; ends the program where a command fails."""
    folder = Settings.from_environment().home / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    issues, commits = folder / "labelled-issues.jsonl", folder / "labelled-commits.jsonl"
    _write(issues, _issues())
    _write(commits, _commits())
    mapped = [word for pair in HADOOP_COLUMNS for word in ("--map", pair)]
    _source("bench-hadoop", "bugs", records("labelled", "hadoop_bugs.jsonl.gz"), mapped)
    _source("bench-jira", "issues", issues)
    _source("bench-jira", "commits", commits)
    return [
        _earlier("hadoop duplicates", "bench-hadoop", _rows("hadoop_duplicates.csv", ",")),
        _earlier("jira duplicates", "bench-jira", _rows("jira_duplicates.tsv", "\t")),
        _commits_of_issues("issue to commit", "bench-jira"),
    ]


def _earlier(name: str, tenant: str, pairs: Iterable[tuple[str, ...]]) -> LabelledSet:
    """Of each pair the later one asks for the earlier one, however the list orders them."""
    found = LabelledSet(name, tenant, "issue", True, {})
    relevant: dict[str, set[str]] = defaultdict(set)
    for first, second, *_ in pairs:
        if first in found.documents and second in found.documents:
            earlier, later = sorted((first, second), key=lambda item: str(found.documents[item].created_at))
            relevant[later].add(earlier)
    found.relevant.update({query: frozenset(items) for query, items in relevant.items()})
    return found


def _commits_of_issues(name: str, tenant: str) -> LabelledSet:
    found = LabelledSet(name, tenant, "commit", False, {})
    relevant: dict[str, set[str]] = defaultdict(set)
    for issue, commit, *_ in _rows("aloy_issue_commit.tsv", "\t"):
        if issue in found.documents and commit in found.documents:
            relevant[issue].add(commit)
    found.relevant.update({query: frozenset(items) for query, items in relevant.items()})
    return found


def _rows(name: str, delimiter: str) -> list[tuple[str, ...]]:
    with records("labelled", name).open(encoding="utf-8") as lines:
        return [tuple(row) for row in csv.reader(lines, delimiter=delimiter)][1:]


def _issues() -> Iterator[dict[str, Any]]:
    for issue in _objects("jira", "issues.jsonl.gz"):
        kept = {name: issue["fields"].get(name) for name in KEPT_OF_AN_ISSUE}
        yield {"id": issue["id"], "key": issue["key"], "fields": kept}


def _commits() -> Iterator[dict[str, Any]]:
    for commit in _objects("git", "commits.jsonl.gz"):
        if len(commit["parents"]) < 2:
            yield commit | {"message": ISSUE_KEY.sub(" ", commit["message"])}


def _objects(*parts: str) -> Iterator[dict[str, Any]]:
    with gzip.open(records(*parts)) as lines:
        yield from (orjson.loads(line) for line in lines)


def _write(path: Path, items: Iterable[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(orjson.dumps(item) + b"\n" for item in items))


def _source(tenant: str, name: str, path: Path, options: Iterable[str] = ()) -> None:
    run(["tenant", "add", tenant])
    run(["source", "add", f"{tenant}/{name}", str(path), *options])
    if run(["refresh", f"{tenant}/{name}"]):
        raise SystemExit(f"{tenant}/{name} could not be loaded.")
