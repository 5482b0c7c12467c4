"""Endpoints without a row, for tests of what is made of them."""

from typing import Any

from precedent.providers.base import Capability, Driver
from precedent.providers.config.provider import Provider
from precedent.providers.runtime.endpoint import Endpoint


def endpoint(
    driver: type[Driver],
    capability: Capability = Capability.TEXT_GENERATION,
    *,
    name: str = "one",
    model: str = "m",
    tenant_id: int = 1,
    edit_id: str = "0",
    **fields: Any,
) -> Endpoint:
    """An endpoint of a driver; `fields` are those of `Provider`."""
    values = {"name": name, "driver": driver.info.name, "capability": capability, "model": model, **fields}
    return Endpoint(Provider.model_validate(values), driver.info, tenant_id, edit_id=edit_id)
