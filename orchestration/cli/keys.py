"""Keys and other secrets that a user gives in a file or on standard input; nothing of them is ever repeated."""

from pathlib import Path

import yaml

from precedent.errors import UsageError
from precedent.security.redaction import register_secret

LONGEST_KEY = 64_000


def key_text(path: Path) -> str:
    """The text of a key file, at most one character more than the longest key.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    path = path.expanduser()
    try:
        with path.open(encoding="utf-8") as handle:
            return handle.read(LONGEST_KEY + 1)
    except OSError as error:
        raise UsageError(f"The key file {path} cannot be read ({error.strerror}): correct --key-file.") from error
    except UnicodeDecodeError:
        raise UsageError(f"The key file {path} is no text: name a file with the key alone.") from None


def parse_secrets(text: str, where: str) -> dict[str, str]:
    """The secrets of a text: a mapping of names to values in YAML or JSON, else the whole text as `api_key`.

    Raises:
        UsageError: it is empty, too long, several words, or a mapping of something else; nothing of it is repeated.
    """
    text = text.strip().lstrip("\ufeff")
    if not text:
        raise UsageError(f"There is no key in {where}: it is empty.")
    if len(text) > LONGEST_KEY:
        raise UsageError(f"What {where} holds is too long for a key: name a file with the key alone.")
    try:
        # Every scalar stays the text that it is: a key of digits is no number.
        parsed = yaml.BaseLoader(text).get_single_data()
    except yaml.YAMLError:
        parsed = None
    if not isinstance(parsed, dict):
        if len(text.split()) > 1 or text.startswith("{"):
            raise UsageError(f"What {where} holds is neither a key alone nor a mapping of names to secrets.")
        parsed = {"api_key": text}
    for name, value in parsed.items():
        if not isinstance(name, str) or not isinstance(value, str) or not value.strip():
            raise UsageError(f"The mapping in {where} must give each name one text: api_key: ...")
        register_secret(value)
    return parsed
