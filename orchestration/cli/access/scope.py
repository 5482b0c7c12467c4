"""Where a command about members, tokens or the audit log looks: in a tenant, or on the platform as a whole."""

from typing import Annotated

import typer

from precedent.database.session import Database
from precedent.tenants import tenants

Platform = Annotated[bool, typer.Option("--platform", help="The platform as a whole instead of a tenant.")]


def tenant_id(database: Database, tenant: str, *, platform: bool) -> int | None:
    """The tenant's number; None for the platform as a whole.

    Raises:
        NotFoundError: there is no such tenant.
    """
    return None if platform else tenants.get(database, tenant).id


def place(tenant: str, *, platform: bool) -> str:
    """What a sentence calls it."""
    return "the platform" if platform else tenant
