"""A report as one HTML file: no script, nothing to load, no word of a document."""

from collections.abc import Mapping
from dataclasses import dataclass

from precedent.quality.gates import BY_NAME, Gate
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.charts import charts_of
from precedent.quality.report.content import PageContent
from precedent.quality.report.environment import environment
from precedent.quality.report.tiles import since, tiles_of
from precedent.quality.thresholds import Origin
from precedent.quality.trend import trend

DIAGNOSTICS: Mapping[str, tuple[str, str]] = {
    "mean_cosine": ("Mean cosine", "of all pairs of the sample; near 1 all vectors point one way (Ethayarajh 2019)"),
    "effective_rank": ("Effective rank", "axes used, by the entropy of their shares (Roy and Vetterli 2007)"),
    "participation_ratio": ("Participation ratio", "axes used, by the squares of variances (Gao and others 2017)"),
    "top_variance_share": ("Top variance share", "variance along the first principal axis alone"),
    "hubness_skew": (
        "Hubness skew",
        "skew of how often a passage is a neighbour; high: a few are neighbours of all others (Radovanović 2010)",
    ),
}


@dataclass(frozen=True, slots=True)
class GateRow:
    """A line of the table of gates."""

    gate: Gate
    result: str
    value: str
    threshold: str
    set_by: str
    meaning: str
    detail: str


@dataclass(frozen=True, slots=True)
class DiagnosticRow:
    """A line of the table of diagnostics."""

    title: str
    value: str
    meaning: str


def quality_page(content: PageContent) -> str:
    """The whole file."""
    return (
        environment()
        .get_template("page.html")
        .render(
            key=content.key,
            report=content.report,
            verdict=content.verdict,
            summary=content.verdict.summary,
            space=content.space,
            profile=content.space.profile,
            up_to_date=content.up_to_date,
            since=since(trend(content.history), len(content.history)),
            tiles=tiles_of(content.verdict, content.measures, content.history),
            gates=[_gate(gate, content.origins) for gate in content.verdict.gates],
            charts=charts_of(content.data) if content.data else (),
            diagnostics=_diagnostics(content.measures),
            facts=_facts(content),
        )
    )


def _gate(gate: Gate, origins: Mapping[str, Origin]) -> GateRow:
    sign = "≤" if gate.comparison == "at_most" else "≥"
    # A stored report may have gates of another release.
    rule = BY_NAME.get(gate.name)
    threshold = rule.limit if rule and isinstance(rule.limit, str) else None
    return GateRow(
        gate=gate,
        result=gate.result,
        value="" if gate.value is None else f"{gate.value:,.4g}",
        threshold=f"{sign} {gate.threshold:.4g}",
        set_by=origins.get(threshold, "default") if threshold else "fixed",
        meaning=rule.meaning if rule else "",
        detail=gate.reason.partition(":")[2].strip(),
    )


def _diagnostics(measures: QualityMeasures) -> list[DiagnosticRow]:
    shape, drift = measures.shape, measures.drift
    rows = [
        DiagnosticRow(title, f"{getattr(shape, name):,.4g}", meaning)
        for name, (title, meaning) in DIAGNOSTICS.items()
        if shape is not None
    ]
    if drift is None:
        meaning = "not measured: too few new vectors since the previous report of this space"
        return [*rows, DiagnosticRow("Drift (MMD²)", "", meaning)]
    found = "more than chance: other subjects, kinds or model" if drift.significant else "within chance"
    meaning = (
        f"{drift.new} new vectors against {drift.kept} of the previous report: {found}; 95 % of random splits stay "
        f"below {drift.null_95:.2g}, p = {drift.p_value:.2g} (Gretton and others 2012)"
    )
    return [*rows, DiagnosticRow("Drift (MMD²)", f"{drift.mmd2:.3g}", meaning)]


def _facts(content: PageContent) -> dict[str, str]:
    """How the report was made."""
    measures, profile = content.measures, content.space.profile
    canaries = measures.canary.texts if measures.canary else 0
    pairs = measures.title_to_body.pairs if measures.title_to_body else 0
    documents = measures.text_loss.documents if measures.text_loss else 0
    return {
        "Sampled": f"{canaries} canaries, {pairs} pairs of title and body, {documents} documents; "
        f"{measures.embedded_again} texts embedded again, {measures.seconds:,.1f} s",
        "Model": f"{profile.model}, version {profile.model_fingerprint or 'not told'}, by {profile.provider}",
        "Preprocessing": f"{profile.preprocessing}, cut for {profile.cut or 'any window'}",
        "Manifest": content.report.manifest,
    }
