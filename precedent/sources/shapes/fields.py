"""Taking typed values out of payloads."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any

from dateutil import parser as dates

# Read twice with these two, a text without a year or day of its own gives two moments: it is no date.
DEFAULTS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2001, 2, 2, tzinfo=UTC))
MILLISECONDS = 10_000_000_000  # epoch seconds stay below this until the year 2286
# Longer than any written date; the parser's time grows with the square of the length.
LONGEST_DATE = 100


class UnreadableError(Exception):
    """A payload that is no sound record; `reason` is the stable code of a rejection."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def text(payload: dict[str, Any], name: str) -> str | None:
    """A string, or None where the field is missing or null.

    Raises:
        UnreadableError: it is something else.
    """
    value = payload.get(name)
    if value is None or isinstance(value, str):
        return value
    raise UnreadableError("wrong_type", f"Field {name} is a {type(value).__name__}, not text.")


def identifier(payload: dict[str, Any], name: str) -> str:
    """A non-empty id, given as text or whole number.

    Raises:
        UnreadableError: it is missing, empty or something else.
    """
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise UnreadableError("wrong_type", f"Field {name} is a {type(value).__name__}, not an id.")
    found = "" if value is None else str(value).strip()
    if not found:
        raise UnreadableError("no_id", f"The record has no {name}.")
    return found


def listing(payload: dict[str, Any], name: str) -> list[Any]:
    """A list, empty where the field is missing or null.

    Raises:
        UnreadableError: it is something else.
    """
    value = payload.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise UnreadableError("wrong_type", f"Field {name} is a {type(value).__name__}, not a list.")


def moment(value: object, name: str) -> datetime | None:
    """A moment in UTC from ISO 8601, other written dates or the epoch; None where there is none.

    A written day before a month's name is the day; a moment without an offset is UTC.

    Raises:
        UnreadableError: it is no date, or one of the calendar's first or last year, which other time zones cannot say.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnreadableError("invalid_date", f"Field {name} is a {type(value).__name__}, not a date.")
    if isinstance(value, str) and len(value) > LONGEST_DATE:
        raise UnreadableError("invalid_date", f"Field {name} is too long for a date.")
    try:
        if isinstance(value, int | float) or (value.strip().isdecimal() and len(value.strip()) >= 9):
            seconds = float(value)
            if seconds > MILLISECONDS:
                seconds /= 1000
            found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        else:
            found = _written(value.strip())
    except Exception as error:  # the parser of written dates raises more than it says, e.g. decimal.InvalidOperation
        raise UnreadableError("invalid_date", f"Field {name} is no date.") from error
    if not MINYEAR < found.year < MAXYEAR:
        raise UnreadableError("invalid_date", f"Field {name} is no date of our time.")
    return found


def moment_of(item: object, *names: str) -> datetime | None:
    """The first of these dates that an item has, or None; one that cannot be read counts as missing."""
    for name in names:
        try:
            found = moment(item.get(name), name) if isinstance(item, dict) else None
        except UnreadableError:
            continue
        if found is not None:
            return found
    return None


def _written(value: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        first, second = (dates.parse(value, default=default, dayfirst=False) for default in DEFAULTS)
        if first.date() != second.date():
            raise
        found = first
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
