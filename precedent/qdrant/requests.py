"""What is asked of Qdrant, in its own terms; no request is made here."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdrant_client import models

TENANT, SPACE, HASH = "tenant", "space", "hash"
FIELDS = [TENANT, SPACE, HASH]
# The platform's own points have a UUID as text.
PointId = int | str
# Links of a tenant's own graph in a shared collection; the graph over all tenants (`m`) is not built.
TENANT_LINKS = 16


class Isolation(StrEnum):
    """How tenants are kept apart: in one collection a model for all, or in one a space of the tenant."""

    SHARED = "shared"
    COLLECTION = "collection"


def layout(dimensions: int, isolation: Isolation) -> dict[str, Any]:
    """A new collection: cosine over half-precision vectors, which is what PostgreSQL has."""
    from qdrant_client import models

    vectors = models.VectorParams(size=dimensions, distance=models.Distance.COSINE, datatype=models.Datatype.FLOAT16)
    # One graph a tenant and none over all: a graph over all finds a small tenant's points by luck only.
    graph = models.HnswConfigDiff(m=0, payload_m=TENANT_LINKS) if isolation is Isolation.SHARED else None
    return {"vectors_config": vectors, "hnsw_config": graph}


def indexes(isolation: Isolation) -> dict[str, Any]:
    """The payload indexes by field; graphs are built by those that exist when points come."""
    from qdrant_client import models

    shared = isolation is Isolation.SHARED
    return {
        TENANT: models.KeywordIndexParams(
            type=models.KeywordIndexType.KEYWORD, is_tenant=shared or None, enable_hnsw=None if shared else False
        ),
        # A tenant has one space or two in a collection: a graph for each would only cost.
        SPACE: models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER, lookup=True, range=False, enable_hnsw=False
        ),
    }


def limited_to(payload: Mapping[str, Any], ids: Sequence[PointId] | None = None) -> "models.Filter":
    """Points with exactly this payload, and of them only those with these ids where some are named."""
    from qdrant_client import models

    conditions: list[Any] = [
        models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in payload.items()
    ]
    if ids is not None:
        conditions.append(models.HasIdCondition(has_id=list(ids)))
    return models.Filter(must=conditions)


def switch(alias: str, collection: str) -> "list[models.AliasOperations]":
    """An alias moved to a collection, or made; both steps of one call take effect together."""
    from qdrant_client import models

    return [
        models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias)),
        models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)),
    ]


def measures(info: "models.CollectionInfo") -> tuple[int | None, str]:
    """Dimensions and distance of a collection's vectors; (None, "") where it has none or several of them."""
    vectors = info.config.params.vectors
    size, distance = getattr(vectors, "size", None), getattr(vectors, "distance", None)
    return size, str(getattr(distance, "value", "")).lower()
