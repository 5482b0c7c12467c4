"""What commands print: sentences, tables, JSON, log lines and errors. Commands print in no other way.

Everything that is printed is scrubbed of live secrets, and of the control characters by which a title from somewhere
could write to the reader's terminal.
"""

import logging
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson
import typer

from precedent.plain_text import plain
from precedent.security.redaction import scrub, scrub_values

if TYPE_CHECKING:
    from rich.console import Console

# A pipe has no width: without one a table would be folded to 80 columns in a log.
PIPE_WIDTH = 150
NOT_ASCII_CONTROLS = re.compile("[\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without live secrets, and without characters that a terminal would obey."""
    return plain(scrub(text))


def say(text: str, *, bold: bool = False, colour: str | None = None) -> None:
    """Print a sentence on standard output."""
    typer.secho(printable(text), bold=bold or None, fg=colour)


def note(text: str) -> None:
    """Print a sentence on standard error: how far long work is."""
    typer.echo(printable(text), err=True)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    typer.secho(printable(f"Warning: {text}"), fg="yellow", err=True)


def fail(text: str) -> None:
    """Print an error on standard error, on one line."""
    typer.secho(" ".join(printable(text).split()), fg="red", err=True)


class LogLines(logging.Handler):
    """Prints the warnings that a library logs, where nothing else takes them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record as a sentence."""
        note(self.format(record))


def write(text: str) -> None:
    """Print text for another program; the text ends its own lines."""
    typer.echo(printable(text), nl=False)


def emit(value: Any, *, one_line: bool = False) -> None:
    """Print one JSON document.

    Args:
        value: Anything of dataclasses, pydantic models, moments (ISO 8601), amounts (numbers), lists and mappings.
        one_line: Without line breaks, for files with a document per line.
    """
    found = orjson.loads(orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS))
    text = orjson.dumps(scrub_values(found), option=0 if one_line else orjson.OPT_INDENT_2).decode()
    # JSON itself escapes the controls of ASCII; escaped, the others are the same value.
    typer.echo(NOT_ASCII_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, left: int | None = None) -> None:
    """Print a table.

    Args:
        title: What it shows.
        columns: The names of the columns.
        rows: The cells; numbers get thousands separators, True and False are yes and no.
        left: How many columns, from the first, are set to the left; the others to the right. By default those of
            numbers are set to the right.
    """
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(printable(title)), title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        right = numeric if left is None else index >= left
        shown.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(_cell(value))) for value in row))
    console().print(shown)


def styled(parts: Sequence[tuple[str, str]], *, indent: int = 0) -> None:
    """Print text whose parts have styles of their own, folded at the width of the terminal.

    Args:
        parts: Text and style of each; a style is as rich names it (`bold`, `dim`, `bold yellow`), or empty.
        indent: Spaces before each line.
    """
    from rich.padding import Padding
    from rich.text import Text

    text = Text.assemble(*((printable(part), style) for part, style in parts))
    console().print(Padding(text, (0, 0, 0, indent)) if indent else text)


@cache
def console() -> "Console":
    """Standard output as rich sees it."""
    return _console(stderr=False)


@cache
def errors() -> "Console":
    """Standard error as rich sees it."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
