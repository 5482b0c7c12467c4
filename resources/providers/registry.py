"""Which drivers there are: entry points of the group `precedent.providers`, from this distribution and from others."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec

from resources.errors import UsageError
from resources.providers.contract import Driver, DriverInfo

GROUP = "precedent.providers"
OURS = "precedent"


@dataclass(frozen=True, slots=True)
class Listed:
    """A driver, whether it can be used here, and why not."""

    name: str
    title: str
    capabilities: tuple[str, ...]
    available: bool
    why: str | None
    experimental: bool
    distribution: str


@lru_cache(maxsize=1)
def _load() -> tuple[dict[str, type[Driver]], dict[str, tuple[str, str]]]:
    """Drivers by name, and those that could not be loaded with distribution and reason; one bad one stops no other."""
    found: dict[str, type[Driver]] = {}
    broken: dict[str, tuple[str, str]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.dist.name if p.dist else "") != OURS):
        distribution = point.dist.name if point.dist else "unknown"
        try:
            driver = point.load()
            if not (isinstance(driver, type) and issubclass(driver, Driver) and driver.info.name == point.name):
                raise TypeError(f"is no Driver named {point.name}")  # noqa: TRY301 - told to the user below
        except Exception as error:  # whatever another distribution does at import
            broken[point.name] = (distribution, f"{type(error).__name__}: {error}")
            continue
        found.setdefault(point.name, driver)
    return found, broken


def driver_type(name: str) -> type[Driver]:
    """The driver of this name, if its SDK is installed.

    Raises:
        UsageError: there is none, or its SDK is missing; the message names the extra to install.
    """
    found, broken = _load()
    if name in broken and name not in found:
        raise UsageError(f"The driver {name!r} could not be loaded: {broken[name][1]}.")
    if name not in found:
        raise UsageError(f"There is no driver {name!r}: choose from {', '.join(sorted(found))}.")
    missing = _missing(found[name].info)
    if missing:
        raise UsageError(missing)
    return found[name]


def listed() -> list[Listed]:
    """Every driver, the usable ones first."""
    found, broken = _load()
    rows = []
    for name, driver in found.items():
        info, why = driver.info, _missing(driver.info)
        distribution = next(
            (p.dist.name for p in entry_points(group=GROUP) if p.name == name and p.dist is not None), OURS
        )
        capabilities = tuple(sorted(item.value for item in info.capabilities))
        rows.append(Listed(name, info.title, capabilities, why is None, why, info.experimental, distribution))
    rows += [
        Listed(name, name, (), False, why, False, dist) for name, (dist, why) in broken.items() if name not in found
    ]
    return sorted(rows, key=lambda row: (not row.available, row.name))


def _missing(info: DriverInfo) -> str | None:
    if info.sdk is None:
        return None
    try:
        present = find_spec(info.sdk) is not None
    except ModuleNotFoundError:
        present = False
    if present:
        return None
    install = f"pip install 'precedent[{info.extra}]'" if info.extra else f"pip install {info.sdk}"
    return f"The driver {info.name!r} needs the package {info.sdk}: install it with `{install}`."
