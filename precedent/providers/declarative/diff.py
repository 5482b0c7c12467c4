"""What a declaration would change, field by field; of secrets only that they change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.validation import Specification
from precedent.providers.declarative.schema import Declaration, PolicyEntry, SourceEntry
from precedent.providers.registry import driver_type
from precedent.providers.runtime.routing import Preferred, Route

ADDED, CHANGED, UNCHANGED, REMOVED = "added", "changed", "unchanged", "removed"
PROVIDER, POLICY, SOURCE_POLICY, ROUTE = "provider", "policy", "policy of source", "route"
# What says nothing about whether a provider answers, and how.
UNTRIED = ("description", "active", "cost.", "performance.")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is declared or stored.

    Attributes:
        kind: `provider`, `policy`, `policy of source` or `route`.
        name: Its name.
        action: `added`, `changed`, `unchanged` or `removed`.
        fields: Old and new value of what differs, by field; words for secrets.
    """

    kind: str
    name: str
    action: str
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def calls_for_trial(self) -> bool:
        """Whether a provider should be tried before it is saved like this."""
        touched = any(not name.startswith(UNTRIED) for name in self.fields)
        return self.kind == PROVIDER and (self.action == ADDED or (self.action == CHANGED and touched))


@dataclass(frozen=True, slots=True)
class Stored:
    """What a tenant has now.

    Attributes:
        providers: By name; with the secrets themselves, which only this comparison sees.
        policy: The tenant's, or None where it has none.
        sources: Policies of sources by name.
        routes: Preferences by capability and kind of work.
    """

    providers: Mapping[str, Specification] = field(default_factory=dict, repr=False)
    policy: PolicyEntry | None = None
    sources: Mapping[str, SourceEntry] = field(default_factory=dict)
    routes: Mapping[tuple[Capability, Route], Preferred] = field(default_factory=dict)


def difference(
    wanted: Mapping[str, Specification], declared: Declaration, stored: Stored, *, prune: bool
) -> list[Change]:
    """What saving a declaration changes; with `prune` what it does not name is removed from the sections it has.

    Args:
        wanted: The declared providers by name, with their secrets.
        declared: The whole document.
        stored: What there is.
        prune: Whether to remove.
    """
    changes = [_provider(spec, stored.providers.get(name)) for name, spec in wanted.items()]
    if declared.providers is not None:
        changes += _others(wanted, stored, prune=prune)
    if declared.policy is not None:
        changes += _policies(declared.policy, stored, prune=prune)
    if declared.routes is not None:
        changes += _routes(declared, stored, prune=prune)
    return changes


def ordered(wanted: Mapping[str, Specification]) -> list[Specification]:
    """The declared providers, each after the one that it falls back to.

    Raises:
        UsageError: fallbacks lead back to where they start, or two are active for one capability.
    """
    active: dict[str, str] = {}
    for spec in wanted.values():
        if spec.active and active.setdefault(spec.capability, spec.name) != spec.name:
            raise UsageError(
                f"{active[spec.capability]} and {spec.name} are both active for {spec.capability}: choose one."
            )
    found: dict[str, Specification] = {}
    for start in wanted.values():
        path: list[str] = []
        current: Specification | None = start
        while current is not None and current.name not in found:
            if current.name in path:
                circle = " -> ".join([*path[path.index(current.name) :], current.name])
                raise UsageError(f"The fallbacks go round in a circle ({circle}): a chain must end.")
            path.append(current.name)
            current = wanted.get(current.fallback or "")
        found |= {name: wanted[name] for name in reversed(path)}
    return list(found.values())


def _provider(spec: Specification, old: Specification | None) -> Change:
    new = _flat(spec, old)
    if old is None:
        fields = {name: (None, value) for name, value in new.items() if value not in (None, False)}
        return Change(PROVIDER, spec.name, ADDED, fields | _secrets(spec.secrets or {}, {}))
    before = _flat(old, None)
    fields = _differing(before, new)
    if spec.secrets is not None:
        fields |= _secrets(spec.secrets, old.secrets or {})
    return Change(PROVIDER, spec.name, CHANGED if fields else UNCHANGED, fields)


def _others(wanted: Mapping[str, Specification], stored: Stored, *, prune: bool) -> list[Change]:
    """Stored rows that the document does not name: removed, or no longer the choice because another one is."""
    taken = {spec.capability for spec in wanted.values() if spec.active}
    changes = []
    for name, row in stored.providers.items():
        if name in wanted:
            continue
        if prune:
            changes.append(Change(PROVIDER, name, REMOVED))
        elif row.active and row.capability in taken:
            changes.append(Change(PROVIDER, name, CHANGED, {"active": (True, False)}))
    return changes


def _policies(declared: PolicyEntry, stored: Stored, *, prune: bool) -> list[Change]:
    def compared(kind: str, name: str, new: Any, old: Any) -> Change:
        fields = _differing(_fields(old or type(new)()), _fields(new))
        if old is None:
            return Change(kind, name, ADDED if fields else UNCHANGED, fields)
        return Change(kind, name, CHANGED if fields else UNCHANGED, fields)

    changes = [compared(POLICY, "tenant", declared, stored.policy)]
    changes += [compared(SOURCE_POLICY, name, new, stored.sources.get(name)) for name, new in declared.sources.items()]
    if prune:
        changes += [Change(SOURCE_POLICY, name, REMOVED) for name in stored.sources if name not in declared.sources]
    return changes


def _routes(declared: Declaration, stored: Stored, *, prune: bool) -> list[Change]:
    wanted = {
        (capability, route): Preferred(entry.strategy, entry.prefer)
        for capability, routes in (declared.routes or {}).items()
        for route, entry in routes.items()
    }
    changes = []
    for key, new in wanted.items():
        old = stored.routes.get(key)
        before = {"strategy": old.strategy, "prefer": list(old.prefer) or None} if old else {}
        fields = _differing(before, {"strategy": new.strategy, "prefer": list(new.prefer) or None})
        action = (ADDED if old is None else CHANGED) if fields else UNCHANGED
        changes.append(Change(ROUTE, _route_name(key), action, fields))
    if prune:
        changes += [Change(ROUTE, _route_name(key), REMOVED) for key in stored.routes if key not in wanted]
    return changes


def _route_name(key: tuple[Capability, Route]) -> str:
    return f"{key[0].value}/{key[1].value}"


def _flat(spec: Specification, old: Specification | None) -> dict[str, Any]:
    """A specification field by field, as it would be stored: the default model, the measured dimension."""
    model = spec.model or driver_type(spec.driver).info.default_models.get(Capability(spec.capability))
    options = dict(spec.options)
    if old is not None and (old.model, old.driver) == (model, spec.driver) and "dimensions" in old.options:
        options.setdefault("dimensions", old.options["dimensions"])
    flat: dict[str, Any] = {
        "driver": spec.driver, "capability": spec.capability, "model": model, "base_url": spec.base_url,
        "active": bool(spec.active), "fallback": spec.fallback, "description": spec.description,
    }  # fmt: skip
    for section, values in (("options", options), ("performance", spec.performance), ("cost", spec.cost)):
        flat |= {f"{section}.{name}": value for name, value in values.items()}
    return flat


def _fields(entry: Any) -> dict[str, Any]:
    values: dict[str, Any] = entry.model_dump(exclude={"sources"})
    return values


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = [*new, *(name for name in old if name not in new)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _secrets(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, tuple[Any, Any]]:
    fields: dict[str, tuple[Any, Any]] = {}
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old:
            fields[f"credentials.{name}"] = (None, "set")
        elif name not in new:
            fields[f"credentials.{name}"] = ("set", None)
        elif new[name] != old[name]:
            fields[f"credentials.{name}"] = ("set", "changed")
    return fields
