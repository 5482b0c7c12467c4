"""Precedent as a library: search, recommendations, sources, providers and usage of a tenant.

    import precedent

    with precedent.open() as platform:
        tenant = platform.tenant("default")
        for result in tenant.search("connection pool exhausted", k=5):
            print(result.external_id, result.title)

docs/python.md describes every name. They are loaded at their first use: `import precedent` itself reads no other
module, so that a program which only needs an error class does not pay for the database.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from precedent.errors import NotFoundError as NotFoundError
    from precedent.errors import PrecedentError as PrecedentError
    from precedent.errors import UsageError as UsageError
    from precedent.platform import Platform as Platform
    from precedent.platform import Tenant as Tenant
    from precedent.platform import open as open
    from precedent.search.filters import Filters as Filters
    from precedent.search.retrieval import Mode as Mode
    from precedent.search.retrieval import Result as Result
    from precedent.search.service import Query as Query
    from precedent.settings import Settings as Settings

_MODULES = {
    "Filters": "precedent.search.filters",
    "Mode": "precedent.search.retrieval",
    "NotFoundError": "precedent.errors",
    "Platform": "precedent.platform",
    "PrecedentError": "precedent.errors",
    "Query": "precedent.search.service",
    "Result": "precedent.search.retrieval",
    "Settings": "precedent.settings",
    "Tenant": "precedent.platform",
    "UsageError": "precedent.errors",
    "open": "precedent.platform",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'precedent' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
