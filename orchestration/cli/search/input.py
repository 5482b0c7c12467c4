"""What `search` is asked for: filters, and the lines of a batch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from precedent.errors import UsageError
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode
from precedent.search.service import Query
from precedent.sources.records import RawKind

KINDS = tuple(kind.value for kind in RawKind if kind not in {RawKind.COMMENT, RawKind.DEPLOYMENT})
MOST_RESULTS = 1_000
# Each list of a batch line may also be one word, and each has the option's name and the plural.
LISTS = {"kind": "kinds", "source": "sources", "state": "states", "label": "labels", "author": "authors"}
MOMENTS = ("before", "after", "updated_since")
EXAMPLE = '{"id": 1, "query": "...", "k": 10, "mode": "hybrid", "kinds": ["issue"], "before": "2026-01-31"}'


def filters_of(
    *,
    kinds: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    states: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    authors: Sequence[str] | None = None,
    before: str | None = None,
    after: str | None = None,
    updated_since: str | None = None,
    exclude: Sequence[str] | None = None,
) -> Filters:
    """Filters from the options of a call; what is None or empty filters nothing.

    Args:
        kinds: Any of these kinds; the same holds for the other lists, each named as its option.
        sources: Names of sources of the tenant.
        states: States, e.g. `open`.
        labels: Labels.
        authors: Authors.
        before: Created before this ISO 8601 moment; without an offset it is UTC.
        after: Created at this moment or later.
        updated_since: Changed at this moment or later.
        exclude: External ids to leave out.

    Raises:
        UsageError: an unknown kind, a date that cannot be read, an empty word, or a time that ends before it begins.
    """
    for kind in kinds or ():
        if kind not in KINDS:
            raise UsageError(f"There is no kind {kind!r}: choose from {', '.join(KINDS)}.")
    for name, words in (("source", sources), ("state", states), ("label", labels), ("author", authors)):
        if any(not word.strip() for word in words or ()):
            raise UsageError(f"The {name} to filter by is empty: name one, or leave --{name} out.")
    found = Filters(
        kinds=tuple(kinds or ()),
        sources=tuple(sources or ()),
        states=tuple(states or ()),
        labels=tuple(labels or ()),
        authors=tuple(authors or ()),
        before=moment(before),
        after=moment(after),
        updated_since=moment(updated_since),
        exclude=tuple(exclude or ()),
    )
    if found.before and found.after and found.after >= found.before:
        raise UsageError(f"Nothing is created after {after} and before {before}: exchange the two.")
    return found


def read_batch(path: Path, default: Query) -> list[tuple[Any, Query]]:
    """The queries of a file, a JSON object a line, with their ids; what a line leaves out is as in `default`.

    Raises:
        UsageError: the file cannot be read, or a line is not a query; the message names it.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    return [_query_of(line, number, default) for number, line in enumerate(lines, start=1) if line.strip()]


def _query_of(line: bytes, number: int, default: Query) -> tuple[Any, Query]:
    try:
        return _parsed(orjson.loads(line), default)
    except UsageError as error:
        raise UsageError(f"Line {number} of the batch: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"Line {number} of the batch is not a query ({why}): write {EXAMPLE}.") from error


def _parsed(item: object, default: Query) -> tuple[Any, Query]:
    if not isinstance(item, dict):
        raise TypeError("it is no object")
    text, k, rerank = item["query"], item.get("k", default.k), item.get("rerank", default.rerank)
    if not isinstance(text, str):
        raise TypeError("query must be text")
    if not isinstance(k, int) or not 1 <= k <= MOST_RESULTS:
        raise ValueError(f"k must be from 1 to {MOST_RESULTS}")
    if not isinstance(rerank, bool):
        raise TypeError("rerank must be true or false")
    mode = Mode(item.get("mode") or default.mode)
    return item["id"], Query(text, k, mode, _filters(item, default.filters), rerank)


def _filters(item: dict[str, Any], default: Filters) -> Filters:
    words = {plural: _words(item, plural, option) for option, plural in LISTS.items()}
    moments = {name: item.get(name) for name in MOMENTS}
    for name, value in moments.items():
        if not isinstance(value, str | None):
            raise TypeError(f"{name} must be text")
    own = filters_of(
        kinds=words["kinds"],
        sources=words["sources"],
        states=words["states"],
        labels=words["labels"],
        authors=words["authors"],
        before=moments["before"],
        after=moments["after"],
        updated_since=moments["updated_since"],
        exclude=_words(item, "exclude"),
    )
    return Filters(
        kinds=own.kinds or default.kinds,
        sources=own.sources or default.sources,
        states=own.states or default.states,
        labels=own.labels or default.labels,
        authors=own.authors or default.authors,
        before=own.before or default.before,
        after=own.after or default.after,
        updated_since=own.updated_since or default.updated_since,
        exclude=own.exclude or default.exclude,
    )


def _words(item: dict[str, Any], *names: str) -> list[str]:
    value: object = next((item[name] for name in names if item.get(name)), [])
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str | int) for word in words):
        raise TypeError(f"{names[0]} must be a list of words")
    return [str(word) for word in words]


def moment(written: str | None) -> datetime | None:
    """The moment that a person has written, in UTC where nothing else is said; None for nothing.

    Raises:
        UsageError: it is no ISO 8601 date or moment.
    """
    if not written:
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise UsageError(f"{written!r} is no ISO 8601 date: write 2026-01-31.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
