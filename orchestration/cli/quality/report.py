"""`report`: how good a source's vectors are."""

from pathlib import Path
from typing import Annotated, Any

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from precedent.errors import UsageError
from precedent.quality import source_report
from precedent.quality.report.page import quality_page
from precedent.quality.source_report import SourceReport
from precedent.quality.trend import trend
from precedent.sources import repository as sources


def report(
    key: Annotated[str, typer.Argument(help="TENANT/SOURCE, or the name of a default tenant's source.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; by default TENANT-SOURCE-quality.html here.")] = None,
    json: Json = False,
) -> None:
    """Write a source's newest quality report as one HTML file that needs nothing else; with --json print it."""
    with precedent.open() as platform:
        content = source_report.read(platform.database, sources.get(platform.database, key))
    file = None
    if out is not None or not json:
        file = out or Path(f"{content.key.replace('/', '-')}-quality.html")
        _write(file, quality_page(content))
    if json:
        output.emit(_as_json(content) | ({"file": str(file)} if file else {}))
        return
    rows = [[gate.name, gate.result, gate.reason] for gate in content.verdict.gates]
    output.table(f"{content.key}: {content.verdict.score:.0f} of 100", ["gate", "result", "figures"], rows)
    if not content.up_to_date:
        output.say(f"The vectors have changed since: precedent refresh {content.key} --select reports.")
    output.say(f"Written to {file}.")


def _as_json(content: SourceReport) -> dict[str, Any]:
    profile = content.space.profile
    return {
        "source": content.key,
        "made_at": content.report.created_at,
        "up_to_date": content.up_to_date,
        "score": content.verdict.score,
        "passed": content.verdict.passed,
        "failed_gates": list(content.verdict.failures),
        "blocking_gates": list(content.verdict.blocking_failures),
        "space": {
            "id": content.space.id,
            "status": content.space.status,
            "model": profile.model,
            "revision": profile.model_fingerprint,
            "precision": profile.precision,
            "dimensions": profile.dimensions,
        },
        "gates": [gate.as_dict() for gate in content.verdict.gates],
        "measures": content.measures.as_dict(),
        "trend": trend(content.history),
        "history": list(content.history),
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name a file in a folder that exists.") from None
