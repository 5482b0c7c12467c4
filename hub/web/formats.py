"""How pages write values: numbers, money, times, states, and text in which words are marked."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from markupsafe import Markup, escape

# A state has a word, a shape and a colour, in this order: no reader depends on colours.
SHAPES: Mapping[str, tuple[str, str]] = {
    "ok": ("●", "good"),
    "well": ("●", "good"),
    "resolved": ("●", "good"),
    "waiting": ("◐", "calm"),
    "new": ("○", "calm"),
    "paused": ("‖", "calm"),
    "unseen": ("○", "calm"),
    "needs_attention": ("▲", "alarm"),
    "failing": ("▲", "alarm"),
    "failed": ("■", "alarm"),
    "open": ("▲", "alarm"),
}
STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (30 * 86_400, 86_400, "days"))


def number(value: float | None) -> str:
    """With thousands separators; what is not known is a word."""
    return "unknown" if value is None else f"{value:,}"


def money(value: Decimal | float | None) -> str:
    """USD to the cent, smaller sums with two digits that say something."""
    if value is None:
        return "unknown"
    amount = Decimal(value)
    if amount == 0 or abs(amount) >= Decimal("0.1"):
        return f"{amount:,.2f} USD"
    return f"{float(amount):.2g} USD"


def ago(moment: datetime | None) -> Markup:
    """How long ago, with the exact moment beside the pointer."""
    if moment is None:
        return Markup("never")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (datetime.now(UTC) - aware).total_seconds()
    size = abs(seconds)
    words = next((f"{int(size // unit)} {name}" for limit, unit, name in STEPS if size < limit), None)
    said = f"{aware:%Y-%m-%d}" if words is None else f"{words} ago" if seconds >= 0 else f"in {words}"
    exact = f"{aware.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(aware.isoformat(), exact, said)


def state(word: str | None) -> Markup:
    """A state: word, shape and colour."""
    known = (word or "unknown").lower().replace(" ", "_")
    shape, colour = SHAPES.get(known, ("○", "calm"))
    return Markup('<span class="state {}"><span aria-hidden="true">{}</span> {}</span>').format(
        colour, shape, known.replace("_", " ")
    )


def marked(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """A text in which the words that matched are marked; whatever else stands in it is only text."""
    parts, place = [], 0
    for start, end in marks:
        parts.append(escape(text[place:start]))
        parts.append(Markup("<mark>{}</mark>").format(text[start:end]))
        place = end
    parts.append(escape(text[place:]))
    return Markup("").join(parts)


def link_or_none(url: str | None) -> str | None:
    """An address that a link may lead to: a record can hold any scheme."""
    return url if url and url.lower().startswith(("https://", "http://")) else None
