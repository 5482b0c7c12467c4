"""`search`, `similar` and `recommend`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.padding import Padding

from orchestration.cli.output import console, print_json
from orchestration.cli.search_input import filters_of, read_batch
from orchestration.cli.tenant import Json, Tenant
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.incidents.service import Recommender
from precedent.search.retrieval import Mode, Result
from precedent.search.service import Query, Searcher
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy

Count = Annotated[int, typer.Option("-k", "--k", min=1, max=1000, help="How many results.")]
Legs = Annotated[Mode, typer.Option("--mode", help="hybrid, vector or text.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="issue, pull_request, commit or incident; several are fine."),
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("search")(search)
    app.command("similar")(similar)
    app.command("recommend")(recommend)


def search(
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
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
    """Find issues, pull requests, commits and incidents by meaning and words."""
    filters = filters_of(
        kinds=kind, sources=source, states=state, labels=label, authors=author, before=before, after=after,
        updated_since=updated_since, exclude=exclude,
    )  # fmt: skip
    if batch is not None:
        _search_batch(_searcher(tenant), batch, out, Query("", k, mode, filters, rerank))
        return
    if query is None or not query.strip():
        raise UsageError('Say what to look for: `precedent search "connection pool exhausted"`.')
    (results,) = _searcher(tenant).search([Query(query, k, mode, filters, rerank)])
    _show(f"Results for {query[:60]!r}", results, json=json)


def similar(
    external_id: Annotated[str, typer.Argument(help="The id of an item, e.g. ABC-12 or owner/name#7.")],
    tenant: Tenant = tenancy.DEFAULT_TENANT,
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
    of_kind: Annotated[str | None, typer.Option("--of", help="The item's kind, likewise.")] = None,
    json: Json = False,
) -> None:
    """Find what resembles an item."""
    filters = filters_of(
        kinds=kind, states=state, labels=label, authors=author, before=before, after=after,
        updated_since=updated_since, exclude=(external_id,),
    )  # fmt: skip
    results = _searcher(tenant).similar(
        external_id, source=of_source, kind=of_kind, k=k, mode=mode, filters=filters, rerank=rerank
    )
    _show(f"Similar to {external_id}", results, json=json)


def recommend(
    incident: Annotated[str | None, typer.Argument(help="The id of an incident.")] = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    source: Annotated[str | None, typer.Option(help="The incident's source, where its id is not unique.")] = None,
    title: Annotated[str | None, typer.Option(help="Describe an incident that is not stored.")] = None,
    text: Annotated[str, typer.Option(help="More about it: alerts, logs.")] = "",
    again: Annotated[bool, typer.Option(help="Analyse anew although nothing changed.")] = False,
    json: Json = False,
) -> None:
    """Say what to do about an incident, from what happened before."""
    if (incident is None) == (title is None):
        raise UsageError("Name an incident (`precedent recommend ID`) or describe one with --title and --text.")
    searcher = _searcher(tenant)
    if incident is not None:
        found = Recommender(searcher).recommend(incident, source=source, again=again)
    else:
        found = Recommender(searcher).recommend_for(title or "", text)
    if json:
        print_json(found)
    else:
        show_analysis(found)


def show_analysis(found: dict[str, Any]) -> None:
    """An analysis for people."""
    from rich.markup import escape

    evidence = {item["evidence_id"]: item for item in found["evidence"]}
    name = found.get("incident") or "described incident"
    console.print(f"[bold]{escape(str(name))}[/] {escape(str(found['title']))}")
    if found["status"] != "succeeded":
        console.print(f"The analysis failed: {escape(str(found['error']))}", style="red")
        return
    for item in found["recommendations"]:
        console.print(
            f"\n[bold]{escape(item['title'])}[/]  ({item['type']}, {item['priority']}, "
            f"confidence {item['confidence']:.2f})"
        )
        console.print(escape(item["description"]))
        console.print(f"Probable cause: {escape(item['probable_cause'])}")
        for number, action in enumerate(item["actions"], start=1):
            console.print(f"  {number}. {escape(action)}")
        cited = [evidence[key] for key in item["evidence_ids"] if key in evidence]
        if cited:
            console.print("  Evidence:")
        for piece in cited:
            ended = f", {piece['resolution']}" if piece.get("resolution") else ""
            console.print(
                escape(f"  - {piece['kind']} {piece['external_id']} {piece['title']} ({piece['score']:.4f}{ended})")
            )
    cost = found.get("cost_usd")
    price = "" if cost is None else f", {cost:.6f} USD" if cost else ", free"
    console.print(f"\n{found['provider']} {found['model']}, {found['duration_ms']:.0f} ms{price}")
    if found.get("fallback_reason"):
        console.print(
            escape(f"{found['provider_asked']} was asked and did not answer ({found['fallback_reason']})."),
            style="yellow",
        )


def _searcher(tenant: str) -> Searcher:
    settings = Settings.from_environment()
    return Searcher(Database.open(settings), tenant, settings)


def _search_batch(searcher: Searcher, batch: Path, out: Path | None, default: Query) -> None:
    queries = read_batch(batch, default)
    found = searcher.search([query for _, query in queries])
    answers = [
        orjson.dumps({"id": name, "results": [_plain(result) for result in results]}, default=str)
        for (name, _), results in zip(queries, found, strict=True)
    ]
    text = b"".join(answer + b"\n" for answer in answers)
    if out is None:
        print(text.decode(), end="")
    else:
        out.write_bytes(text)
        console.print(f"{len(answers):,} answers written to {out}.")


def _plain(result: Result) -> dict[str, Any]:
    row = asdict(result)
    del row["marks"]
    row["created_at"] = result.created_at.isoformat() if result.created_at else None
    return row


def _show(title: str, results: list[Result], *, json: bool) -> None:
    from rich.text import Text

    if json:
        print_json([_plain(result) for result in results])
        return
    if not results:
        console.print("Nothing was found.")
        return
    console.print(Text(title, style="bold"))
    for place, item in enumerate(results, start=1):
        about = " · ".join(part for part in (item.kind, item.source, item.state) if part)
        console.print(Text.assemble(f"{place:3}. ", (item.external_id, "bold"), f"  {item.title}"))
        console.print(Text(f"     {about} · {_scores(item)}", style="dim"))
        passage = Text(item.snippet)
        for start, end in item.marks:
            passage.stylize("bold yellow", start, end)
        if item.snippet:
            console.print(Padding(passage, (0, 0, 0, 5)))


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
