"""A report as one HTML file: no script, nothing to load, no word of a document."""

from collections.abc import Iterator, Mapping

from precedent.quality.gates import BY_NAME
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.charts import charts_of
from precedent.quality.report.environment import environment
from precedent.quality.report.tiles import tiles_of
from precedent.quality.source_report import SourceReport
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


def quality_page(found: SourceReport) -> str:
    """The whole file."""
    return (
        environment()
        .get_template("page.html")
        .render(
            found=found,
            # A stored report may have gates of another release.
            gates=[(gate, BY_NAME.get(gate.name)) for gate in found.verdict.gates],
            change=trend(found.history),
            tiles=tiles_of(found.history),
            charts=charts_of(found.data) if found.data else [],
            diagnostics=list(_diagnostics(found.measures)),
            facts=_facts(found),
        )
    )


def _diagnostics(measures: QualityMeasures) -> Iterator[tuple[str, str, str]]:
    """Name, value and meaning of each."""
    shape, drift = measures.shape, measures.drift
    if shape is not None:
        for field, (name, meaning) in DIAGNOSTICS.items():
            yield name, f"{getattr(shape, field):,.4g}", meaning
    if drift is None:
        yield "Drift (MMD²)", "", "not measured: too few new vectors since the previous report of this space"
        return
    chance = "more than chance: other subjects, kinds or model" if drift.significant else "within chance"
    meaning = (
        f"{drift.new} new vectors against {drift.kept} of the previous report: {chance}; 95 % of random splits stay "
        f"below {drift.null_95:.2g}, p = {drift.p_value:.2g} (Gretton and others 2012)"
    )
    yield "Drift (MMD²)", f"{drift.mmd2:.3g}", meaning


def _facts(found: SourceReport) -> dict[str, str]:
    """How the report was made."""
    measures, profile = found.measures, found.space.profile
    canaries = measures.canary.texts if measures.canary else 0
    pairs = measures.title_to_body.pairs if measures.title_to_body else 0
    documents = measures.text_loss.documents if measures.text_loss else 0
    return {
        "Sampled": f"{canaries} canaries, {pairs} pairs of title and body, {documents} documents; "
        f"{measures.embedded_again} texts embedded again, {measures.seconds:,.1f} s",
        "Model": f"{profile.model}, fingerprint {profile.model_fingerprint or 'not known'}, by {profile.provider}",
        "Preprocessing": f"{profile.preprocessing}, cut for {profile.cut or 'any window'}",
        "Manifest": found.report.manifest,
    }
