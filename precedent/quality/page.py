"""A report as one HTML file: no script, nothing to load, no word of a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from precedent.quality import svg
from precedent.quality.figures import Figures
from precedent.quality.labels import DIAGNOSTICS, GATES, THRESHOLD_OF, plain
from precedent.quality.page_style import STYLE
from precedent.quality.report import QualityMeasures
from precedent.quality.repository import Point, Report
from precedent.quality.score import Gate, Verdict
from precedent.quality.thresholds import Origin
from precedent.quality.trend import Trend, trend
from precedent.vectors.space import Space

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class PageContent:
    """What a page shows.

    Attributes:
        key: `tenant/source`.
        report: As it is stored.
        verdict: Under the thresholds that hold now.
        measures: Its figures.
        figures: What is drawn; None of a report that kept none.
        history: The last reports, the oldest first, this one the last.
        origins: Who set each threshold, by its name.
        space: Where the vectors are.
        up_to_date: Whether the vectors are still those that were measured.
    """

    key: str
    report: Report
    verdict: Verdict
    measures: QualityMeasures
    figures: Figures | None
    history: Sequence[Point]
    origins: Mapping[str, Origin]
    space: Space
    up_to_date: bool


def quality_page(content: PageContent) -> str:
    """The whole file."""
    sections = (_head(content), _verdict(content), _tiles(content), _gates(content), _pictures(content),
                _diagnostics(content.measures), _foot(content))  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Vector quality of {escape(content.key)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _head(content: PageContent) -> str:
    profile, made = content.space.profile, content.report.created_at.strftime("%Y-%m-%d %H:%M %Z")
    model = f"{profile.model}, {profile.dimensions} dimensions, {profile.precision}"
    return (
        f"<header><div><h1>{escape(content.key)}</h1>"
        f'<p class="quiet">Vector quality, measured {escape(made)}<br>{escape(model)}'
        f" (space {content.space.id}, {escape(content.space.status)})</p></div>"
        f'<div class="score"><b class="{_status(content.verdict.passed)}">{content.verdict.score:.0f}</b>'
        '<br><span class="quiet">of 100</span></div></header>'
    )


def _verdict(content: PageContent) -> str:
    failed = [gate for gate in content.verdict.gates if gate.passed is False]
    blocking = [gate for gate in failed if gate.blocking]
    reasons = "".join(f"<p>{escape(plain(gate.name))}: {escape(gate.reason)}</p>" for gate in failed)
    if blocking:
        said = f"Failed: {', '.join(plain(gate.name) for gate in blocking)}."
    elif failed:
        said = f"Passed, with a warning: {', '.join(plain(gate.name) for gate in failed)}."
    else:
        said = "Passed: every gate that could be measured holds."
    notice = ""
    if not content.up_to_date:
        notice = (
            '<div class="notice">The vectors have changed since: '
            f"<code>precedent refresh {escape(content.key)} --select reports</code> measures them anew.</div>"
        )
    return f'<div class="verdict {_status(content.verdict.passed)}">{escape(said)}{reasons}</div>{notice}'


@dataclass(frozen=True, slots=True)
class _Tile:
    """A figure, its change, its history, the digits to show, and the span that its line has at least."""

    name: str
    value: float | None
    change: float | None
    history: list[float | None]
    digits: int
    span: float

    def show(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"


def _tiles(content: PageContent) -> str:
    measures, change, history = content.measures, trend(content.history), content.history
    canary, pairs, recall = measures.canary, measures.title_to_body, measures.recall
    tiles = (
        _Tile("Score", content.verdict.score, change.score if change else None,
              [point.score for point in history], 0, 10),
        _Tile("Vectors", measures.count, change.count if change else None, [point.count for point in history], 0, 10),
        _Tile("Canary mean cosine", canary.mean_cosine if canary else None, change.canary_mean if change else None,
              [point.canary_mean for point in history], 5, 0.001),
        _Tile("Title to body (MRR at 10)", pairs.mrr if pairs else None, change.mrr if change else None,
              [point.mrr for point in history], 3, 0.1),
        _Tile("Recall at 10", recall.recall if recall else None, change.recall if change else None,
              [point.recall for point in history], 3, 0.05),
    )  # fmt: skip
    names = [point.at.strftime("%Y-%m-%d %H:%M") for point in history]
    cards = "".join(_card(tile, names) for tile in tiles)
    return f'<h2>{escape(_since(change, len(history)))}</h2><div class="tiles">{cards}</div>'


def _card(tile: _Tile, names: Sequence[str]) -> str:
    shown = "not measured" if tile.value is None else tile.show(tile.value)
    label = f"{tile.name} of the last {len(tile.history)} reports"
    line = svg.sparkline(label, tile.history, names, tile.show, tile.span) if len(names) > 1 else ""
    return (
        f'<div class="card"><div class="name">{escape(tile.name)}</div><div class="value">{escape(shown)}'
        f"{_change(tile.change, tile.digits)}</div>{line}</div>"
    )


def _since(change: Trend | None, reports: int) -> str:
    if change is None:
        return "First report"
    other = "" if change.same_space else ", which was of another space"
    return f"Last {reports} reports, and the change since {change.since:%Y-%m-%d %H:%M}{other}"


def _change(difference: float | None, digits: int) -> str:
    if difference is None:
        return ""
    text = f"{difference:+,.{digits}f}" if round(difference, digits) else "unchanged"
    return f'<span class="change">{escape(text)}</span>'


def _gates(content: PageContent) -> str:
    rows = "".join(_gate(gate, content.origins) for gate in content.verdict.gates)
    return (
        '<h2>Gates</h2><div class="table gates"><table><thead><tr><th>gate</th><th>result</th>'
        '<th class="number">value</th><th class="number">threshold</th><th>set by</th><th>what it looks at</th></tr>'
        "</thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _gate(gate: Gate, origins: Mapping[str, Origin]) -> str:
    word = {None: "not measured", True: "passed", False: "failed" if gate.blocking else "warning"}[gate.passed]
    sign = "≤" if gate.comparison == "at_most" else "≥"
    threshold = THRESHOLD_OF.get(gate.name)
    detail = gate.reason.split(":", 1)[1].strip() if ":" in gate.reason else ""
    more = f"<small>{escape(detail)}</small>" if detail else ""
    value = "" if gate.value is None else f"{gate.value:,.4g}"
    return (
        f'<tr class="{_status(gate.passed)}"><td class="name">{escape(plain(gate.name))}</td>'
        f'<td><span class="word {_status(gate.passed)}">{word}</span></td>'
        f'<td class="number">{value}</td><td class="number">{sign} {gate.threshold:.4g}</td>'
        f"<td>{escape(origins.get(threshold, 'default') if threshold else 'fixed')}</td>"
        f"<td>{escape(GATES.get(gate.name, ''))}{more}</td></tr>"
    )


def _pictures(content: PageContent) -> str:
    figures = content.figures
    if figures is None:
        return ""
    charts = (
        ("Norms", svg.histogram("Histogram of norms", "length of the vector, all passages", figures.norms)),
        ("Nearest neighbours", svg.histogram(
            "Histogram of cosines to the nearest neighbour", f"cosine to the nearest other of {len(figures.points):,}",
            figures.neighbours)),
        ("Two principal components", svg.scatter("Sampled passages in two principal components", figures)),
    )  # fmt: skip
    cards = "".join(f'<div class="card"><h3>{escape(name)}</h3>{chart}</div>' for name, chart in charts)
    return f'<h2>Pictures</h2><div class="charts">{cards}</div>'


def _diagnostics(measures: QualityMeasures) -> str:
    rows = []
    if measures.shape is not None:
        for name, (title, meaning) in DIAGNOSTICS.items():
            rows.append((title, f"{getattr(measures.shape, name):,.4g}", meaning))
    drift = measures.drift
    if drift is not None:
        said = "more than chance: other subjects, kinds or model" if drift.significant else "within chance"
        meaning = (
            f"{drift.new} new vectors against {drift.kept} of the previous report: {said}; 95 % of random splits stay "
            f"below {drift.null_95:.2g}, p = {drift.p_value:.2g} (Gretton and others 2012)"
        )
        rows.append(("Drift (MMD²)", f"{drift.mmd2:.3g}", meaning))
    else:
        rows.append(("Drift (MMD²)", "", "not measured: too few new vectors since the previous report of this space"))
    body = "".join(
        f'<tr><td class="name">{escape(title)}</td><td class="number">{escape(value)}</td><td>{escape(meaning)}</td>'
        "</tr>"
        for title, value, meaning in rows
    )
    return (
        '<h2>Diagnostics</h2><p class="quiet">Blind to vectors that belong to other texts: they explain, they do not '
        f'judge.</p><div class="table"><table><tbody>{body}</tbody></table></div>'
    )


def _foot(content: PageContent) -> str:
    measures, profile = content.measures, content.space.profile
    canaries = measures.canary.texts if measures.canary else 0
    pairs = measures.title_to_body.pairs if measures.title_to_body else 0
    documents = measures.text_loss.documents if measures.text_loss else 0
    facts = {
        "Sampled": f"{canaries} canaries, {pairs} pairs of title and body, {documents} documents; "
        f"{measures.embedded_again} texts embedded again, {measures.seconds:,.1f} s",
        "Model": f"{profile.model}, revision {profile.model_revision or 'not told'}, by {profile.provider}",
        "Preprocessing": f"{profile.preprocessing}, cut for {profile.cut or 'any window'}",
        "Manifest": content.report.manifest,
    }
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<footer><dl>{rows}</dl></footer>"


def _status(passed: bool | None) -> str:
    return "unknown" if passed is None else "passed" if passed else "failed"
