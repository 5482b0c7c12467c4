"""How the templates of a report are filled: every value is escaped, and a missing one is an error."""

from functools import cache
from typing import TYPE_CHECKING

from precedent.quality.gates import gate_title

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """The templates beside this module; Jinja2 is loaded when the first report is written."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("precedent.quality", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"gate_title": gate_title, "status": status}
    return found


def status(passed: bool | None) -> str:
    """The class of a gate or verdict in the style sheets."""
    return "unknown" if passed is None else "passed" if passed else "failed"
