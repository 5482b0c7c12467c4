"""What a declaration would change, field by field; of secrets only that they change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider
from precedent.providers.declarative.schema import Declaration
from precedent.tenants.policies import SourcePolicy, TenantPolicy
from precedent.tenants.preferences import Preference

# What says nothing about whether a provider answers, and how.
UNTRIED = ("description", "active", "cost.", "performance.")
Fields = dict[str, tuple[Any, Any]]


class Action(StrEnum):
    """What happens to a thing that is declared or stored."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


class Kind(StrEnum):
    """What a declaration is about."""

    PROVIDER = "provider"
    POLICY = "policy"
    SOURCE_POLICY = "policy of source"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is declared or stored, and what happens to it.

    Attributes:
        kind: What it is.
        name: Its name; of a route, capability and kind of work with a slash between them.
        action: What happens to it.
        fields: Old and new value of what differs, by field; words for secrets.
    """

    kind: Kind
    name: str
    action: Action
    fields: Fields = field(default_factory=dict)

    @property
    def calls_for_trial(self) -> bool:
        """True if it is a provider that should be tried before it is saved like this."""
        touched = any(not name.startswith(UNTRIED) for name in self.fields)
        changed = self.action is Action.ADDED or (self.action is Action.CHANGED and touched)
        return self.kind is Kind.PROVIDER and changed


def difference(declared: Declaration, stored: Declaration, *, prune: bool) -> list[Change]:
    """What saving a declaration changes.

    Args:
        declared: What is wanted, with secrets.
        stored: What the tenant has now, with the secrets of the providers whose secrets are declared.
        prune: Whether what is not declared is removed from the sections that the declaration has.
    """
    wanted, have = declared.providers or {}, stored.providers or {}
    changes = [_provider(provider, have.get(name)) for name, provider in wanted.items()]
    if declared.providers is not None:
        changes += _others(wanted, have, prune=prune)
    if declared.policy is not None:
        changes += _policies(declared.policy, stored.policy or TenantPolicy(), prune=prune)
    if declared.routes is not None:
        changes += _routes(_flat_routes(declared), _flat_routes(stored), prune=prune)
    return changes


def ordered(wanted: Mapping[str, Provider]) -> list[Provider]:
    """The declared providers, each after the one that it falls back to.

    Raises:
        UsageError: fallbacks lead back to where they start, or two are active for one capability.
    """
    active: dict[Capability, str] = {}
    for provider in wanted.values():
        if provider.active and active.setdefault(provider.capability, provider.name) != provider.name:
            raise UsageError(
                f"{active[provider.capability]} and {provider.name} are both active for {provider.capability}: "
                "choose one."
            )
    found: dict[str, Provider] = {}
    for start in wanted.values():
        path: list[str] = []
        current: Provider | None = start
        while current is not None and current.name not in found:
            if current.name in path:
                circle = " -> ".join([*path[path.index(current.name) :], current.name])
                raise UsageError(f"The fallbacks go round in a circle ({circle}): a chain must end.")
            path.append(current.name)
            current = wanted.get(current.fallback or "")
        found |= {name: wanted[name] for name in reversed(path)}
    return list(found.values())


def _provider(new: Provider, old: Provider | None) -> Change:
    if old is None:
        fields: Fields = {name: (None, value) for name, value in _flat(new).items() if value not in (None, False)}
        return Change(Kind.PROVIDER, new.name, Action.ADDED, fields | _secrets(new.secrets, {}))
    if (old.model, old.driver) == (new.model, new.driver) and old.options.dimensions and not new.options.dimensions:
        # A dimension that was measured stays.
        kept = new.options.model_copy(update={"dimensions": old.options.dimensions})
        new = new.model_copy(update={"options": kept})
    fields = _differing(_flat(old), _flat(new))
    if new.credentials is not None:
        fields |= _secrets(new.secrets, old.secrets)
    return _changed(Kind.PROVIDER, new.name, fields)


def _others(wanted: Mapping[str, Provider], have: Mapping[str, Provider], *, prune: bool) -> list[Change]:
    """Stored providers that are not declared: removed, or no longer the choice because another one is."""
    taken = {provider.capability for provider in wanted.values() if provider.active}
    changes = []
    for name in [name for name in have if name not in wanted]:
        if prune:
            changes.append(Change(Kind.PROVIDER, name, Action.REMOVED))
        elif have[name].active and have[name].capability in taken:
            changes.append(Change(Kind.PROVIDER, name, Action.CHANGED, {"active": (True, False)}))
    return changes


def _policies(new: TenantPolicy, old: TenantPolicy, *, prune: bool) -> list[Change]:
    fields = _differing(old.model_dump(exclude={"sources"}), new.model_dump(exclude={"sources"}))
    changes = [_changed(Kind.POLICY, "tenant", fields, is_new=not old.is_set)]
    for name, policy in new.sources.items():
        before = old.sources.get(name)
        fields = _differing((before or SourcePolicy()).model_dump(), policy.model_dump())
        changes.append(_changed(Kind.SOURCE_POLICY, name, fields, is_new=before is None))
    if prune:
        gone = [name for name in old.sources if name not in new.sources]
        changes += [Change(Kind.SOURCE_POLICY, name, Action.REMOVED) for name in gone]
    return changes


def _routes(wanted: Mapping[str, Preference], have: Mapping[str, Preference], *, prune: bool) -> list[Change]:
    changes = []
    for name, new in wanted.items():
        old = have.get(name)
        fields = _differing(_preferred(old) if old else {}, _preferred(new))
        changes.append(_changed(Kind.ROUTE, name, fields, is_new=old is None))
    if prune:
        changes += [Change(Kind.ROUTE, name, Action.REMOVED) for name in have if name not in wanted]
    return changes


def _flat_routes(declared: Declaration) -> dict[str, Preference]:
    """Preferences by capability and kind of work with a slash between them."""
    routes = declared.routes or {}
    return {f"{one}/{route}": preference for one, found in routes.items() for route, preference in found.items()}


def _changed(kind: Kind, name: str, fields: Fields, *, is_new: bool = False) -> Change:
    action = (Action.ADDED if is_new else Action.CHANGED) if fields else Action.UNCHANGED
    return Change(kind, name, action, fields)


def _preferred(preference: Preference) -> dict[str, Any]:
    return {"strategy": preference.strategy.value, "prefer": list(preference.prefer) or None}


def _flat(provider: Provider) -> dict[str, Any]:
    """A provider field by field, as it would be stored."""
    groups = ("options", "performance", "cost")
    flat = provider.model_dump(mode="json", exclude={"name", "credentials", *groups}, warnings=False)
    flat["active"] = bool(provider.active)
    for group in groups:
        flat |= {f"{group}.{name}": value for name, value in getattr(provider, group).said().items()}
    return flat


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fields:
    names = [*new, *(name for name in old if name not in new)]
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _secrets(new: Mapping[str, str], old: Mapping[str, str]) -> Fields:
    fields: Fields = {}
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old:
            fields[f"credentials.{name}"] = (None, "set")
        elif name not in new:
            fields[f"credentials.{name}"] = ("set", None)
        elif new[name] != old[name]:
            fields[f"credentials.{name}"] = ("set", "changed")
    return fields
