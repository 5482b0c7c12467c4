"""`search` and `similar`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from orchestration.cli.search.input import filters_of, read_batch
from precedent.errors import UsageError
from precedent.platform import Tenant as OpenTenant
from precedent.search.retrieval import CommentFound, Mode, Result
from precedent.search.service import Query
from precedent.tenants.tenants import DEFAULT_TENANT

TITLE_LENGTH = 60

Count = Annotated[int, typer.Option("-k", "--k", min=1, max=1000, help="How many results.")]
Legs = Annotated[Mode, typer.Option("--mode", help="hybrid, vector or text.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="issue, pull_request, commit, incident or release; several are fine.")
]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only from this source; several are fine.")]
States = Annotated[
    list[str] | None, typer.Option("--state", help="Only in this state, e.g. open or Resolved; several are fine.")
]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Only with this label; several: any of them.")]
Authors = Annotated[list[str] | None, typer.Option("--author", help="Only by this author; several are fine.")]
Before = Annotated[str | None, typer.Option("--before", help="Only created before this ISO 8601 moment.")]
After = Annotated[str | None, typer.Option("--after", help="Only created at this ISO 8601 moment or later.")]
UpdatedSince = Annotated[
    str | None, typer.Option("--updated-since", help="Only changed at this ISO 8601 moment or later.")
]
Rerank = Annotated[
    bool, typer.Option("--rerank", help="Let the cross-encoder of PRECEDENT_RERANKER order the first results.")
]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", help="Leave out this external id.")]


def search(
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    k: Count = 10,
    mode: Legs = Mode.HYBRID,
    kind: Kinds = None,
    source: Sources = None,
    state: States = None,
    label: Labels = None,
    author: Authors = None,
    before: Before = None,
    after: After = None,
    updated_since: UpdatedSince = None,
    exclude: Exclude = None,
    rerank: Rerank = False,
    batch: Annotated[Path | None, typer.Option(help="A file with a JSON object per line: id, query, ...")] = None,
    out: Annotated[Path | None, typer.Option(help="Where --batch writes; by default standard output.")] = None,
    json: Json = False,
) -> None:
    """Find issues, pull requests, commits, incidents and releases by meaning and words."""
    filters = filters_of(
        kinds=kind,
        sources=source,
        states=state,
        labels=label,
        authors=author,
        before=before,
        after=after,
        updated_since=updated_since,
        exclude=exclude,
    )
    if batch is None and (query is None or not query.strip()):
        raise UsageError('Say what to look for: `precedent search "connection pool exhausted"`.')
    asked = Query(query or "", k, mode, filters, rerank)
    with precedent.open() as platform:
        opened = platform.tenant(tenant)
        if batch is not None:
            _answer_batch(opened, batch, out, asked)
            return
        (results,) = opened.search_many([asked])
    _show(f"Results for {asked.text[:TITLE_LENGTH]!r}", results, json=json)


def similar(
    external_id: Annotated[str, typer.Argument(help="The id of an item, e.g. ABC-12 or owner/name#7.")],
    tenant: Tenant = DEFAULT_TENANT,
    k: Count = 10,
    mode: Legs = Mode.HYBRID,
    kind: Kinds = None,
    state: States = None,
    label: Labels = None,
    author: Authors = None,
    before: Before = None,
    after: After = None,
    updated_since: UpdatedSince = None,
    rerank: Rerank = False,
    of_source: Annotated[
        str | None, typer.Option("--source", help="The item's source, where its id is not unique.")
    ] = None,
    of_kind: Annotated[str | None, typer.Option("--of", help="The item's kind, where its id is not unique.")] = None,
    json: Json = False,
) -> None:
    """Find what resembles an item."""
    filters = filters_of(
        kinds=kind,
        states=state,
        labels=label,
        authors=author,
        before=before,
        after=after,
        updated_since=updated_since,
        exclude=(external_id,),
    )
    with precedent.open() as platform:
        results = platform.tenant(tenant).similar(
            external_id, source=of_source, kind=of_kind, k=k, mode=mode, filters=filters, rerank=rerank
        )
    _show(f"Similar to {external_id}", results, json=json)


def _answer_batch(tenant: OpenTenant, batch: Path, out: Path | None, default: Query) -> None:
    queries = read_batch(batch, default)
    found = tenant.search_many([query for _, query in queries])
    answers = [
        {"id": name, "results": [plain(result) for result in results]}
        for (name, _), results in zip(queries, found, strict=True)
    ]
    if out is None:
        for answer in answers:
            output.emit(answer, one_line=True)
        return
    out.write_bytes(b"".join(orjson.dumps(answer, default=str) + b"\n" for answer in answers))
    output.say(f"{len(answers):,} answers written to {out}.")


def plain(result: Result) -> dict[str, Any]:
    """A result for JSON: without the places of the matching words."""
    row = asdict(result)
    del row["marks"]
    row["created_at"] = result.created_at.isoformat() if result.created_at else None
    if result.comment and result.comment.created_at:
        row["comment"]["created_at"] = result.comment.created_at.isoformat()
    return row


def _show(title: str, results: list[Result], *, json: bool) -> None:
    if json:
        output.emit([plain(result) for result in results])
        return
    if not results:
        output.say("Nothing was found.")
        return
    output.say(title, bold=True)
    for place, item in enumerate(results, start=1):
        about = " · ".join(part for part in (item.kind, item.source, item.state) if part)
        output.styled([(f"{place:3}. ", ""), (item.external_id, "bold"), (f"  {item.title}", "")])
        output.styled([(f"     {about} · {_scores(item)}", "dim")])
        if item.comment:
            output.styled([(f"     {_said(item.comment)}", "dim")])
        if item.snippet:
            output.styled(_marked(item), indent=5)


def _said(comment: CommentFound) -> str:
    """Whose comment the passage is of, and when it was said."""
    by = f" by {comment.author}" if comment.author else ""
    at = f", {comment.created_at:%Y-%m-%d %H:%M}" if comment.created_at else ""
    return f"comment{by}{at}"


def _marked(item: Result) -> list[tuple[str, str]]:
    """The passage of a result, with the query's words in a style of their own."""
    parts, place = [], 0
    for start, end in item.marks:
        parts += [(item.snippet[place:start], ""), (item.snippet[start:end], "bold yellow")]
        place = end
    return [*parts, (item.snippet[place:], "")]


def _scores(item: Result) -> str:
    """The score, and what each leg said: its own score and place."""
    legs = [
        f"{name} {score:.3f} (#{rank})"
        for name, score, rank in (
            ("meaning", item.vector_score, item.vector_rank),
            ("words", item.text_score, item.text_rank),
        )
        if score is not None
    ]
    return " · ".join([f"score {item.score:.3f}", *legs])
