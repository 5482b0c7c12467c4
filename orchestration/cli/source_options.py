"""What a user gives of a source: where it is, its options, and its key from anywhere but the command line."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from orchestration.cli.provider_options import parse_secrets
from precedent.errors import UsageError
from precedent.security.redaction import register_secret
from precedent.sources.configurations import KINDS
from precedent.sources.shapes.mapping import FieldMapping

LONGEST_KEY = 64_000
# Which options each kind knows, and what they are called in its configuration.
OPTIONS: dict[str, dict[str, str]] = {
    "archive": {"map": "mapping", "as": "as"},
    "git": {"branch": "branch", "depth": "depth", "user": "user"},
    "github": {
        "base-url": "base_url", "app-id": "app_id", "installation-id": "installation_id",
        "commit-files": "commit_files",
    },
    "jira": {"project": "projects", "jql": "jql", "field": "fields", "user": "user"},
    "statuspage": {},
}  # fmt: skip


def source_configuration(kind: str, name: str, where: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """A source's configuration from the words of the command.

    Args:
        kind: The kind.
        name: The source's name, for messages.
        where: Its place: a path, OWNER/NAME or a URL.
        given: Options by their name on the command line; None and empty ones were not given.

    Raises:
        UsageError: the kind is unknown, the place is missing, or an option belongs to another kind.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no source kind {kind!r}: choose from {', '.join(KINDS)}.")
    given = {option: value for option, value in given.items() if value}
    for option in given:
        if option not in OPTIONS[kind]:
            owners = ", ".join(other for other, options in OPTIONS.items() if option in options)
            raise UsageError(f"--{option} belongs to sources of kind {owners}: leave it out.")
    if not where:
        raise UsageError(f"Say where the records are: `precedent source add {name} WHERE --kind {kind}`.")
    if kind == "archive":
        return _archive(where, given)
    values = {OPTIONS[kind][option]: value for option, value in given.items()}
    if kind == "git":
        return values | ({"url": where} if _is_url(where) else {"path": _path(where)})
    place = "repository" if kind == "github" else "url"
    return values | {place: where.rstrip("/")}


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
        try:
            text = key_file.expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"The key file {key_file} cannot be read as text: correct --key-file.") from None
        return _key(text, str(key_file))
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


def _archive(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    configuration: dict[str, Any] = {"path": _path(where)}
    if "map" in given:
        configuration["mapping"] = FieldMapping.parse(given["map"], given.get("as", "issue")).configuration()
    elif "as" in given:
        raise UsageError("--as needs --map: records of a known shape say themselves what they are.")
    return configuration


def _path(where: str) -> str:
    return str(Path(where).expanduser().resolve())


def _is_url(where: str) -> bool:
    # `git@host:path` is how people write ssh addresses.
    return len(urlsplit(where).scheme) > 1 or ("@" in where.partition(":")[0] and ":" in where)
