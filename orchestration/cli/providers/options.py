"""What a user gives of a provider: `name=value` pairs, and secrets from anywhere but the command line."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from orchestration.cli.keys import LONGEST_KEY, key_text, parse_secrets
from precedent.errors import UsageError
from precedent.providers.base import DriverInfo
from precedent.providers.declarative.schema import scalar


def helps(model: type[BaseModel]) -> dict[str, str]:
    """Help texts of options by the field of a model that they fill."""
    return {name: field.description or "" for name, field in model.model_fields.items()}


def pairs(items: Sequence[str] | None, option: str) -> dict[str, Any]:
    """`name=value` pairs with their values read as YAML scalars.

    Raises:
        UsageError: one has no `=` or no name, or a name comes twice; the value is not repeated.
    """
    found: dict[str, Any] = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"{option} takes name=value: write for example {option} {_example(option)}.")
        if name in found:
            raise UsageError(f"{option} {name}=... is there twice: leave one out.")
        found[name] = scalar(value)
    return found


def read_secrets(
    info: DriverInfo, key_file: Path | None, *, key_stdin: bool, no_key: bool, replaces: bool
) -> Mapping[str, str] | None:
    """A provider's secrets; None where none were given (and stored ones stay), empty where there are to be none.

    Args:
        info: The driver; one that needs no key is not asked about.
        key_file: A file with the key, or a mapping of several secrets in YAML or JSON; `-` is standard input.
        key_stdin: The same from standard input.
        no_key: Whether there is to be none.
        replaces: Whether an empty answer at the prompt keeps what is stored.

    Raises:
        UsageError: more than one way was asked for, or what is there is no secret; nothing of it is repeated.
    """
    if sum((key_file is not None, key_stdin, no_key)) > 1:
        raise UsageError("Choose one of --key-file, --key-stdin and --no-key.")
    if no_key:
        return {}
    if key_stdin or key_file == Path("-"):
        if not sys.stdin.isatty():
            return parse_secrets(sys.stdin.read(LONGEST_KEY + 1), "standard input")
        return _prompted(info, replaces=replaces)  # typed input is never echoed
    if key_file is not None:
        return parse_secrets(key_text(key_file), str(key_file))
    if info.needs_key and sys.stdin.isatty():
        return _prompted(info, replaces=replaces)
    return None


def _prompted(info: DriverInfo, *, replaces: bool) -> dict[str, str] | None:
    hint = " (Enter keeps the stored one)" if replaces else ""
    value = typer.prompt(f"API key for {info.title}{hint}", default="", show_default=False, hide_input=True, err=True)
    return parse_secrets(value, "the answer") if value.strip() or not replaces else None


def _example(option: str) -> str:
    return {"--option": "temperature=0.2", "--performance": "timeout_s=30"}.get(option, "input_per_million=0.15")
