"""What things are called in Qdrant: collections, aliases, tenants and points."""

import hashlib
import json
import re
from dataclasses import dataclass
from uuid import UUID, uuid5

from precedent.vectors.space import SpaceProfile

PREFIX = "precedent"
POINTS = UUID("6e1f3c2a-8f0b-5d38-9f43-0a7c2d1b5e94")
LONGEST_MODEL = 40


@dataclass(frozen=True, slots=True)
class Owner:
    """A tenant of this platform as a server that others use as well must know it.

    Attributes:
        installation: This platform's number.
        tenant_id: The tenant's; never used twice, unlike its name.
    """

    installation: UUID
    tenant_id: int

    @property
    def key(self) -> str:
        """The value of the payload field `tenant`."""
        return f"{self.installation.hex[:16]}-{self.tenant_id}"


def point_id(owner: Owner, space_id: int, content_hash: bytes) -> str:
    """The point of a text in a space of a tenant: the same text of another tenant is another point."""
    return str(uuid5(POINTS, f"{owner.key}/{space_id}/{content_hash.hex()}"))


def profile_digest(profile: SpaceProfile) -> str:
    """16 hexadecimal digits that differ where two vectors could not be compared.

    How documents are cut is no part of it: vectors of long and short passages of one model can be.
    """
    parts = profile.identity()[:-1]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def shared_collection(profile: SpaceProfile) -> str:
    """The collection that all tenants with this model use, whichever platform they belong to."""
    return f"{PREFIX}-{_model(profile)}-{profile.dimensions}-{profile_digest(profile)}"


def own_collection(owner: Owner, space_id: int, profile: SpaceProfile) -> str:
    """The collection of one space of one tenant."""
    return f"{PREFIX}-{owner.key}-s{space_id}-{_model(profile)}-{profile.dimensions}"


def alias(owner: Owner) -> str:
    """The name under which a tenant's active space is found, where it has collections of its own."""
    return f"{PREFIX}-{owner.key}-active"


def _model(profile: SpaceProfile) -> str:
    # A collection is a folder on the server, and part of an address.
    slug = re.sub(r"[^a-z0-9.]+", "_", profile.model.rsplit("/", 1)[-1].lower()).strip("_.")
    return slug[:LONGEST_MODEL] or "model"
