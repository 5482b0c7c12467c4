"""`recommend`."""

from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from precedent.errors import UsageError
from precedent.incidents.service import Analysis
from precedent.tenants.tenants import DEFAULT_TENANT


def recommend(
    incident: Annotated[str | None, typer.Argument(help="The id of an incident.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    source: Annotated[str | None, typer.Option(help="The incident's source, where its id is not unique.")] = None,
    title: Annotated[str | None, typer.Option(help="Describe an incident that is not stored.")] = None,
    text: Annotated[str, typer.Option(help="More about it: alerts, logs.")] = "",
    again: Annotated[bool, typer.Option(help="Analyse it again although nothing changed.")] = False,
    json: Json = False,
) -> None:
    """Say what to do about an incident, from what happened before."""
    if (incident is None) == (title is None):
        raise UsageError("Name an incident (`precedent recommend ID`) or describe one with --title and --text.")
    with precedent.open() as platform:
        opened = platform.tenant(tenant)
        if incident is not None:
            found = opened.recommend(incident, source=source, again=again)
        else:
            found = opened.recommend_for(title or "", text)
    if json:
        output.emit(found)
    else:
        show_analysis(found)


def show_analysis(found: Analysis) -> None:
    """An analysis for people."""
    name = found.get("incident") or "described incident"
    output.styled([(str(name), "bold"), (f" {found['title']}", "")])
    if found["status"] != "succeeded":
        output.say(f"The analysis failed: {found['error']}", colour="red")
        return
    evidence = {item["evidence_id"]: item for item in found["evidence"]}
    for item in found["recommendations"]:
        rank = f"  ({item['type']}, {item['priority']}, confidence {item['confidence']:.2f})"
        output.say("")
        output.styled([(item["title"], "bold"), (rank, "")])
        output.styled([(item["description"], "")])
        output.styled([(f"Probable cause: {item['probable_cause']}", "")])
        for number, action in enumerate(item["actions"], start=1):
            output.styled([(f"{number}. {action}", "")], indent=2)
        cited = [evidence[key] for key in item["evidence_ids"] if key in evidence]
        if cited:
            output.say("  Evidence:")
        for piece in cited:
            ended = f", {piece['resolution']}" if piece.get("resolution") else ""
            about = f"{piece['kind']} {piece['external_id']} {piece['title']} ({piece['score']:.4f}{ended})"
            output.styled([(f"- {about}", "")], indent=2)
    cost = found.get("cost_usd")
    price = "" if cost is None else f", {cost:.6f} USD" if cost else ", free"
    output.say("")
    output.say(f"{found['provider']} {found['model']}, {found['duration_ms']:.0f} ms{price}")
    if found.get("fallback_reason"):
        reason = f"{found['provider_asked']} was asked and did not answer ({found['fallback_reason']})."
        output.say(reason, colour="yellow")
