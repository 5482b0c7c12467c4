"""Which drivers there are: entry points of the group `precedent.providers`, from this distribution and from others."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec

from precedent.errors import UsageError
from precedent.providers.base import Driver, DriverInfo

GROUP = "precedent.providers"
OURS = "precedent"


@dataclass(frozen=True, slots=True)
class Listed:
    """A driver as it is listed.

    Attributes:
        name: Its name.
        title: The name for people.
        capabilities: What it can do.
        available: Whether it can be used here.
        why: What an unavailable one needs, or why it could not be loaded; None of an available one.
        experimental: Whether its interface is not an official one.
        distribution: Where it comes from.
    """

    name: str
    title: str
    capabilities: tuple[str, ...]
    available: bool
    why: str | None
    experimental: bool
    distribution: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the entry points gave.

    Attributes:
        drivers: By name.
        distributions: Where each of them comes from, by name.
        broken: Those that could not be loaded: distribution and reason, by name.
    """

    drivers: dict[str, type[Driver]]
    distributions: dict[str, str]
    broken: dict[str, tuple[str, str]]


@lru_cache(maxsize=1)
def _load() -> _Loaded:
    """All drivers; one that cannot be loaded stops no other, and Precedent's own names cannot be taken."""
    loaded = _Loaded({}, {}, {})
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.dist.name if p.dist else "") != OURS):
        distribution = point.dist.name if point.dist else "unknown"
        try:
            driver = point.load()
            if not (isinstance(driver, type) and issubclass(driver, Driver) and driver.info.name == point.name):
                raise TypeError(f"is no Driver named {point.name}")  # noqa: TRY301 - told to the user below
        except Exception as error:  # whatever another distribution does at import
            loaded.broken[point.name] = (distribution, f"{type(error).__name__}: {error}")
            continue
        loaded.drivers.setdefault(point.name, driver)
        loaded.distributions.setdefault(point.name, distribution)
    return loaded


def driver_type(name: str) -> type[Driver]:
    """The driver of this name, if its SDK is installed.

    Raises:
        UsageError: there is none, or its SDK is missing; the message names the extra to install.
    """
    loaded = _load()
    driver = loaded.drivers.get(name)
    if driver is None and name in loaded.broken:
        raise UsageError(f"The driver {name!r} could not be loaded: {loaded.broken[name][1]}.")
    if driver is None:
        raise UsageError(f"There is no driver {name!r}: choose from {', '.join(sorted(loaded.drivers))}.")
    missing = _missing(driver.info)
    if missing:
        raise UsageError(missing)
    return driver


def is_ours(driver: str) -> bool:
    """True if a driver comes with this distribution."""
    return _load().distributions.get(driver) == OURS


def listed() -> list[Listed]:
    """Every driver, the usable ones first."""
    loaded = _load()
    rows = []
    for name, driver in loaded.drivers.items():
        info, why = driver.info, _missing(driver.info)
        capabilities = tuple(sorted(item.value for item in info.capabilities))
        rows.append(
            Listed(name, info.title, capabilities, why is None, why, info.experimental, loaded.distributions[name])
        )
    rows += [
        Listed(name, name, (), False, why, False, distribution)
        for name, (distribution, why) in loaded.broken.items()
        if name not in loaded.drivers
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
