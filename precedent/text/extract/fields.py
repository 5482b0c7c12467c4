"""Reading payloads that promise nothing: every field may be missing, null or of another type."""

from collections.abc import Iterable
from datetime import UTC, datetime

from precedent.text.extract.markup.blocks import fold_line

_NAMES = ("name", "value", "login", "displayName", "display_name", "title", "filename", "path")


def member(value: object, *keys: str) -> object:
    """What lies under the keys, or None where something on the way is no object."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def items(value: object) -> list[object]:
    """The list, or an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def string(value: object) -> str:
    """One line of text from a string or number; nothing from anything else."""
    if isinstance(value, str):
        return fold_line(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def name(value: object) -> str | None:
    """The name of a thing given as a string or as an object with a name."""
    if isinstance(value, dict):
        return next((found for key in _NAMES if (found := string(value.get(key)))), None)
    return string(value) or None


def state_name(value: object) -> str | None:
    """The name of a state, in lower case."""
    found = name(value)
    return found.lower() if found else None


def names(value: object) -> tuple[str, ...]:
    """The names in a list, or in a string with commas, each once and in their order."""
    parts: Iterable[object] = value.split(",") if isinstance(value, str) else items(value)
    return tuple(dict.fromkeys(found for part in parts if (found := name(part))))


def count(value: object) -> int | None:
    """A whole number of at least 0, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def moment(value: object) -> datetime | None:
    """A point in time from an ISO 8601 string, or None; without a zone it counts as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
