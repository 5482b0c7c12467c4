"""What a user gives of a source: where it is, its options, and its key from anywhere but the command line."""

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.keys import LONGEST_KEY, key_text, parse_secrets
from precedent.errors import UsageError
from precedent.security.redaction import register_secret
from precedent.sources import registry
from precedent.sources.options import OptionForm, SourceOption, configuration_values, options_of

TYPES = {OptionForm.FLAG: bool | None, OptionForm.VALUE: str | None}
# What the parameters of kinds' options begin with: an option may be called as a word of Python is.
PREFIX = "kind_"


def with_kind_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all kinds; what was given of them arrives as its keyword arguments."""
    own = inspect.signature(command)
    fixed = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    helps: dict[str, list[str]] = {}
    forms: dict[str, OptionForm] = {}
    for kind in registry.kinds().values():
        for option in options_of(kind.configuration):
            helps.setdefault(option.name, []).append(f"{kind.name}: {option.help}")
            forms[option.name] = option.form
    added = [
        inspect.Parameter(
            PREFIX + name.replace("-", "_"),
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                TYPES.get(forms[name], list[str] | None), typer.Option(f"--{name}", help=" ".join(said))
            ],
        )
        for name, said in helps.items()
    ]
    command.__signature__ = own.replace(parameters=[*fixed, *added])  # type: ignore[attr-defined]
    return command


def source_configuration(kind: str, name: str, where: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """A source's configuration from the words of the command.

    Args:
        kind: The kind.
        name: The source's name, for messages.
        where: Its place: a path, OWNER/NAME or a URL.
        given: The keyword arguments of `with_kind_options`; None and empty ones were not given.

    Raises:
        UsageError: the kind is unknown, the place is missing, or an option belongs to another kind.
    """
    model = registry.get(kind).configuration
    options = {_parameter(option): option for option in options_of(model)}
    chosen = {}
    for parameter, value in given.items():
        word = parameter.removeprefix(PREFIX)
        if not value:
            continue
        if word not in options:
            raise UsageError(f"--{word.replace('_', '-')} belongs to sources of kind {_owners(word)}: leave it out.")
        chosen[options[word].name] = value
    if not where:
        raise UsageError(f"Say where the records are: `precedent source add {name} WHERE --kind {kind}`.")
    return configuration_values(model, where, chosen)


def source_secrets(key_file: Path | None, *, key_stdin: bool, prompt: bool = False) -> dict[str, str]:
    """A source's key; empty where none was given.

    Raises:
        UsageError: two ways at once, a file that cannot be read, or no key where `prompt` wants one.
    """
    if key_file is not None and key_stdin:
        raise UsageError("Choose one of --key-file and --key-stdin.")
    if key_stdin or key_file == Path("-"):
        return _key(sys.stdin.read(LONGEST_KEY + 1), "standard input")
    if key_file is not None:
        return _key(key_text(key_file), str(key_file))
    if prompt and sys.stdin.isatty():
        return _key(typer.prompt("Token", hide_input=True, err=True), "the answer")
    if prompt:
        raise UsageError("Give the key with --key-file or --key-stdin, or say --no-key.")
    return {}


def _key(text: str, where: str) -> dict[str, str]:
    """A private key as it stands, anything else as `parse_secrets` reads it."""
    if text.lstrip().startswith("-----BEGIN"):
        register_secret(text.strip())
        return {"private_key": text.strip() + "\n"}
    return parse_secrets(text, where)


def _owners(word: str) -> str:
    """The kinds that have an option."""
    return ", ".join(
        kind.name for kind in registry.kinds().values() if word in map(_parameter, options_of(kind.configuration))
    )


def _parameter(option: SourceOption) -> str:
    return option.name.replace("-", "_")
