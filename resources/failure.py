"""How an error of the library becomes a failure in Dagster."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from precedent.errors import DatabaseError, PrecedentError


@contextmanager
def as_failure(metadata: Callable[[], Mapping[str, Any]] = dict) -> Iterator[None]:
    """Turn an error that a user can act on into a Dagster failure with its sentence.

    Args:
        metadata: What the failure shows besides; asked for when it happens, and not where the database is gone.

    Raises:
        dg.Failure: without retries: the same call would fail in the same way.
    """
    try:
        yield
    except PrecedentError as error:
        known = {} if isinstance(error, DatabaseError) else metadata()
        raise dg.Failure(description=str(error), metadata=known, allow_retries=False) from None
