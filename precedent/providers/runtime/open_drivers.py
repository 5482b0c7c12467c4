"""The drivers that a process has open, one an endpoint; made anew when the endpoint's configuration was edited."""

import threading

from pydantic import SecretStr

from precedent.providers.base import Driver
from precedent.providers.registry import driver_type
from precedent.providers.runtime.endpoint import Endpoint
from precedent.settings import Settings

_drivers: dict[tuple[int, str, str, str, str | None], Driver] = {}
_lock = threading.Lock()


def open_driver(endpoint: Endpoint, settings: Settings) -> Driver:
    """The driver of an endpoint, shared by the threads of the process.

    Raises:
        UsageError: its SDK is not installed.
        SecretError: its credentials cannot be read.
    """
    provider = endpoint.provider
    key = (endpoint.tenant_id, provider.name, endpoint.edit_id, provider.fingerprint, endpoint.precision)
    with _lock:
        driver = _drivers.get(key)
        if driver is None:
            driver = _made(endpoint, settings)
            for stale in [known for known in _drivers if known[:2] == key[:2] and known[2:4] != key[2:4]]:
                _drivers.pop(stale)  # the last of its callers frees it
            _drivers[key] = driver
        return driver


def _made(endpoint: Endpoint, settings: Settings) -> Driver:
    provider = endpoint.provider
    secrets = {name: SecretStr(value) for name, value in endpoint.credentials(settings).items()}
    changes: dict[str, object] = {"credentials": secrets}
    if endpoint.precision:
        changes["options"] = provider.options.model_copy(update={"precision": endpoint.precision})
    return driver_type(provider.driver)(provider.model_copy(update=changes))
