"""Pages of long lists: a cursor says where the next one begins; only the server reads it."""

import base64
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from precedent.errors import UsageError

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Part of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="The cursor of the next page; null on the last one.")


def cursor_of(key: int) -> str:
    """The cursor of a page that begins behind a row."""
    return base64.urlsafe_b64encode(str(key).encode()).decode().rstrip("=")


def key_of(cursor: str | None) -> int | None:
    """The row behind which a page begins.

    Raises:
        UsageError: it is no cursor of ours.
    """
    if cursor is None:
        return None
    try:
        key = int(base64.urlsafe_b64decode(f"{cursor}=="))
    except ValueError:
        key = -1
    if not 0 <= key < 2**63:
        raise UsageError("The cursor is not one that a page before has given: begin without one.")
    return key
