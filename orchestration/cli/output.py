"""How commands print: JSON for programs, tables and sentences for people, one line for an error.

`say`, `warn`, `emit` and `table` scrub what is known as a secret.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from precedent.security.redaction import scrub, scrub_values

# A pipe has no width: without one a table would be folded to 80 columns in a log.
PIPE_WIDTH = 150

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def say(text: str) -> None:
    """A sentence on standard output."""
    console.print(scrub(text), markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """A warning on standard error."""
    errors.print(scrub(f"Warning: {text}"), style="yellow", markup=False, soft_wrap=True)


def emit(value: Any) -> None:
    """One JSON document on standard output; amounts are numbers."""
    print_json(scrub_values(orjson.loads(orjson.dumps(value, default=_number_or_text))))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; see `print_table`."""
    print_table(title, columns, scrub_values([list(row) for row in rows]))


def print_json(value: Any) -> None:
    """One JSON document on standard output; moments as ISO 8601."""
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    # Straight to the stream: rich would fold long lines where the output is no terminal.
    print(text)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; columns of numbers are set to the right."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    console.print(shown)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    # Titles are data: a "[red]" in one is no instruction to rich.
    from rich.markup import escape

    return "" if value is None else escape(str(value))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _number_or_text(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
