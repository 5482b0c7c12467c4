"""`search`, `similar` and `recommend`."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from orchestration.commands.configuration import Json, Tenant
from orchestration.commands.output import console, print_json, print_table
from orchestration.searching import Query, Searcher
from resources import tenancy
from resources.database.session import Database
from resources.errors import UsageError
from resources.settings import Settings
from resources.sources.records import RawKind
from resources.stores.search import Filters, Mode, Result

Count = Annotated[int, typer.Option("-k", "--k", min=1, max=1000, help="How many results.")]
Legs = Annotated[Mode, typer.Option("--mode", help="hybrid, vector or text.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="issue, pull_request, commit or incident; several are fine."),
]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Only from this source; several are fine.")]
Before = Annotated[str | None, typer.Option("--before", help="Only created before this ISO 8601 moment.")]
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
    before: Before = None,
    exclude: Exclude = None,
    batch: Annotated[Path | None, typer.Option(help="A file with a JSON object per line: id, query, ...")] = None,
    out: Annotated[Path | None, typer.Option(help="Where --batch writes; by default standard output.")] = None,
    json: Json = False,
) -> None:
    """Find issues, pull requests, commits and incidents by meaning and words."""
    filters = filters_of(kind or (), source or (), before, exclude or ())
    if batch is not None:
        _search_batch(_searcher(tenant), batch, out, Query("", k, mode, filters))
        return
    if query is None or not query.strip():
        raise UsageError('Say what to look for: `precedent search "connection pool exhausted"`.')
    (results,) = _searcher(tenant).search([Query(query, k, mode, filters)])
    _show(f"Results for {query[:60]!r}", results, json=json)


def similar(
    external_id: Annotated[str, typer.Argument(help="The id of an item, e.g. ABC-12 or owner/name#7.")],
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    k: Count = 10,
    mode: Legs = Mode.HYBRID,
    kind: Kinds = None,
    before: Before = None,
    of_source: Annotated[
        str | None, typer.Option("--source", help="The item's source, where its id is not unique.")
    ] = None,
    of_kind: Annotated[str | None, typer.Option("--of", help="The item's kind, likewise.")] = None,
    json: Json = False,
) -> None:
    """Find what resembles an item."""
    filters = filters_of(kind or (), (), before, (external_id,))
    results = _searcher(tenant).similar(external_id, source=of_source, kind=of_kind, k=k, mode=mode, filters=filters)
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
        found = searcher.recommend(incident, source=source, again=again)
    else:
        found = searcher.recommend_for(title or "", text)
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


def filters_of(
    kinds: list[str] | tuple[str, ...],
    sources: list[str] | tuple[str, ...],
    before: str | None,
    exclude: list[str] | tuple[str, ...],
) -> Filters:
    """Filters from the words of a call.

    Raises:
        UsageError: an unknown kind or a date that is none.
    """
    known = [kind.value for kind in RawKind if kind is not RawKind.COMMENT]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"There is no kind {kind!r}: choose from {', '.join(known)}.")
    moment = None
    if before:
        try:
            moment = datetime.fromisoformat(before)
        except ValueError as error:
            raise UsageError(f"{before!r} is no ISO 8601 date: write 2026-01-31.") from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Filters(tuple(kinds), tuple(sources), moment, tuple(str(item) for item in exclude))


def _searcher(tenant: str) -> Searcher:
    settings = Settings.from_environment()
    return Searcher(Database.open(settings), tenant, settings)


def _search_batch(searcher: Searcher, batch: Path, out: Path | None, default: Query) -> None:
    queries: list[tuple[Any, Query]] = []
    try:
        lines = batch.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{batch} cannot be read ({error.strerror}): check the path.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            queries.append(_query_of(line, number, default))
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


def _query_of(line: bytes, number: int, default: Query) -> tuple[Any, Query]:
    try:
        item = orjson.loads(line)
        text, name = item["query"], item["id"]
        k, mode = int(item.get("k", default.k)), Mode(item.get("mode", default.mode))
        kinds = item.get("kinds") or list(default.filters.kinds)
        sources = item.get("sources") or list(default.filters.sources)
        exclude = [str(value) for value in item.get("exclude") or default.filters.exclude]
        filters = filters_of(kinds, sources, item.get("before"), exclude)
        wrong = not isinstance(text, str) or k < 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"Line {number} of the batch is not a query ({error}): write "
            '{"id": ..., "query": "...", "k": 10, "kinds": [], "before": null, "exclude": [], "mode": "hybrid"}.'
        ) from error
    if wrong:
        raise UsageError(f"Line {number} of the batch is not a query: query must be text, k at least 1.")
    before = filters.before or default.filters.before
    return name, Query(text, k, mode, Filters(filters.kinds, filters.sources, before, filters.exclude))


def _plain(result: Result) -> dict[str, Any]:
    row = asdict(result)
    row["created_at"] = result.created_at.isoformat() if result.created_at else None
    return row


def _show(title: str, results: list[Result], *, json: bool) -> None:
    if json:
        print_json([_plain(result) for result in results])
        return
    if not results:
        console.print("Nothing was found.")
        return
    rows = [[item.external_id, item.kind, item.source, item.title, item.state, f"{item.score:.4f}"] for item in results]
    print_table(title, ["id", "kind", "source", "title", "state", "score"], rows)
