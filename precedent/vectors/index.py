"""The approximate index of a space: none while it is small, dropped for a bulk load, built again after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

# An exact scan of this many halfvecs takes about as long as the walk through an index, and is exact.
EXACT_BELOW = 10_000
# Inserting into a live index costs many times what building it once does, from about this share of its rows on.
BULK_ROWS = 2_000
BULK_SHARE = 0.1
# Enough for a million vectors of 384 dimensions; beyond it pgvector builds on disk, slowly but rightly.
BUILD_MEMORY_MB = 1_024
# An index returns at most this many vectors at a time.
LARGEST_EF_SEARCH = 1_000
# How far `embeddings e` is from a vector: the index is on this very expression. Another one, without the dimensions for
# example, PostgreSQL answers by looking at every vector.
DISTANCE = "(e.embedding::halfvec({dimensions})) <=> %(vector)s::halfvec({dimensions})"
EXISTS = "SELECT to_regclass(format('public.ix_embeddings_%%s_hnsw', %(space)s::bigint)) IS NOT NULL"
STATE = f"{EXISTS}, (SELECT count(*) FROM embeddings WHERE space_id = %(space)s)"  # noqa: S608 - constants
# Beside the index the planner has a bitmap of the whole partition and a sort, whose cost it takes to be less than that
# of a walk that looks at hundreds of vectors. It is wrong by an order of magnitude.
PLANNER = """
SELECT set_config('hnsw.ef_search', %(ef)s, true), set_config('hnsw.iterative_scan', %(goes_on)s, true),
       set_config('enable_seqscan', %(others)s, true),
       set_config('enable_bitmapscan', %(others)s, true), set_config('enable_sort', %(others)s, true)
"""


@dataclass(frozen=True, slots=True)
class IndexState:
    """Whether a space has its index, and how many vectors it holds."""

    exists: bool
    rows: int


def literal(vector: NDArray[np.float32]) -> str:
    """A vector of shape (dimensions,) as pgvector reads it, with all the digits that halves have."""
    return "[" + ",".join(f"{x:.7g}" for x in vector) + "]"


def exists(connection: "psycopg.Connection[Any]", space_id: int) -> bool:
    """Whether a space has its index now."""
    row = connection.execute(EXISTS, {"space": space_id}).fetchone()
    return bool(row and row[0])


def state(connection: "psycopg.Connection[Any]", space_id: int) -> IndexState:
    """How a space is indexed now; counts its vectors, which takes longer the more there are."""
    row = connection.execute(STATE, {"space": space_id}).fetchone()
    return IndexState(row[0], row[1]) if row else IndexState(False, 0)


def before_writing(connection: "psycopg.Connection[Any]", space_id: int, new_rows: int) -> bool:
    """Drop the index where building it anew is cheaper than to insert `new_rows`; returns whether it did.

    Until it is built again searches of the space are exact: slower, not worse.
    """
    if new_rows < BULK_ROWS:
        return False
    found = state(connection, space_id)
    if not found.exists or new_rows < BULK_SHARE * found.rows:
        return False
    connection.execute("SELECT drop_space_index(%s)", (space_id,))
    return True


def after_writing(connection: "psycopg.Connection[Any]", space_id: int) -> IndexState:
    """Build the index where the space has become large enough, or lost it to a run that was killed.

    Returns how the space is indexed then.
    """
    found = state(connection, space_id)
    if found.exists or found.rows < EXACT_BELOW:
        return found
    connection.execute("SELECT create_space_index(%s, %s)", (space_id, BUILD_MEMORY_MB))
    return replace(found, exists=True)


@contextmanager
def used(connection: "psycopg.Connection[Any]", ef_search: int) -> Iterator[None]:
    """Have the planner take a space's index for what is asked inside, looking at `ef_search` vectors (up to 1,000).

    Where a condition leaves too few of them, it goes on, to pgvector's `hnsw.max_scan_tuples` at most.
    """
    ef = str(max(1, min(LARGEST_EF_SEARCH, ef_search)))
    connection.execute(PLANNER, {"ef": ef, "others": "off", "goes_on": "relaxed_order"})
    yield
    connection.execute(PLANNER, {"ef": ef, "others": "on", "goes_on": "off"})
