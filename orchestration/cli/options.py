"""What commands of several things ask alike: where a key is, whether to try it, and whether a removal is meant."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from precedent.errors import UsageError

KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="A file with the key, or a mapping of secrets; - is stdin.")
]
KeyStdin = Annotated[bool, typer.Option("--key-stdin", help="Read the key from standard input.")]
NoTest = Annotated[bool, typer.Option("--no-test", help="Save without trying whether it answers.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm_removal(what: str) -> None:
    """Ask whether this is to be removed.

    Raises:
        UsageError: nobody is there to answer.
        typer.Abort: the answer was no.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"This removes {what}: say --yes.")
    typer.confirm(f"Remove {what}?", abort=True, err=True)
