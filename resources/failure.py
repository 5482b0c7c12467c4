"""How an error of the library becomes a failure in Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from precedent.errors import PrecedentError


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn an error that a user can act on into a Dagster failure with its sentence.

    Raises:
        dg.Failure: without retries: the same call would fail in the same way.
    """
    try:
        yield
    except PrecedentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
