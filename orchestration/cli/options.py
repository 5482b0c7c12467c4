"""Options and questions that several commands share."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.output import printable
from precedent.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="A file with the key, or a mapping of secrets; - is stdin.")
]
KeyStdin = Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")]
NoTest = Annotated[bool, typer.Option("--no-test", help="Save without trying whether it answers.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm_removal(what: str) -> None:
    """Ask whether this is to be removed.

    Raises:
        UsageError: there is no terminal to ask at.
        typer.Abort: the answer was no.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"This removes {what}: say --yes.")
    typer.confirm(printable(f"Remove {what}?"), abort=True, err=True)
