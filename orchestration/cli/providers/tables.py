"""How providers are shown to people: tables and sentences."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orchestration.cli.output import say, table, warn
from precedent.providers.base import ModelInfo
from precedent.providers.config.defaults import RETIREMENTS
from precedent.providers.config.health_check import HealthCheck
from precedent.providers.config.save import Saved
from precedent.providers.config.views import Origin, ProviderView
from precedent.providers.health import Health, HealthState
from precedent.providers.registry import Listed
from precedent.security.credentials import CredentialView

NEVER = "-"


def show_drivers(drivers: Sequence[Listed]) -> None:
    """Which drivers there are, and what an unavailable one needs."""
    rows = [
        [
            item.name,
            item.title + (" (experimental)" if item.experimental else ""),
            ", ".join(name.replace("_", " ") for name in item.capabilities),
            "yes" if item.available else "no",
            item.why or "",
        ]
        for item in drivers
    ]
    table("Drivers", ["driver", "title", "capabilities", "available", "what to do"], rows)


def show_providers(tenant: str, found: Sequence[ProviderView]) -> None:
    """A tenant's providers, the active one of each capability first."""
    rows = [
        [
            "*" if view.provider.active else "",
            view.provider.name,
            view.provider.capability.replace("_", " "),
            view.origin if view.origin is Origin.BUILT_IN else view.provider.driver,
            view.provider.model,
            view.provider.fallback or NEVER,
            key_state(view.credentials, named=False),
            view.stored.problem or seen_state(view.seen),
        ]
        for view in found
    ]
    columns = ["", "provider", "capability", "driver", "model", "falls back to", "key", "last seen"]
    table(f"Providers of {tenant} (* active)", columns, rows)


def show_provider(view: ProviderView) -> None:
    """All that may be shown of one provider."""
    provider = view.provider
    from_row = view.origin is Origin.ROW
    rows: list[list[object]] = [
        ["capability", provider.capability.replace("_", " ")],
        ["driver", provider.driver],
        ["model", provider.model],
        ["address", provider.base_url or "the driver's own"],
        ["active", ("yes" if provider.active else "no") + ("" if from_row else f", from the {view.origin}")],
        ["falls back to", provider.fallback or NEVER],
        ["key", key_state(view.credentials)],
        ["texts leave", {True: "yes, it is external", False: "no", None: "unknown"}[view.external]],
        ["last seen", seen_state(view.seen)],
    ]
    if view.seen.error:
        rows.append(["last error", view.seen.error])
    groups = {title: getattr(provider, title).said() for title in ("options", "performance", "cost")}
    rows += [[title, inline(values)] for title, values in groups.items() if values]
    if provider.description:
        rows.append(["description", provider.description])
    if from_row:
        rows.append(["version", f"{view.stored.version}, fingerprint {view.fingerprint or 'unknown'}"])
    if view.stored.updated_at:
        rows.append(["changed", f"{view.stored.updated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"])
    if view.stored.problem:
        rows.append(["problem", view.stored.problem])
    table(f"Provider {provider.name}", ["what", "is"], rows)


def show_saved(saved: Saved, view: ProviderView) -> None:
    """What became of a provider that was added, and what it answered."""
    provider = view.provider
    verb = "added" if saved.created else "replaced"
    parts = [f"Provider {provider.name} {verb}: {provider.driver}, {provider.model}"]
    parts += ["active"] if provider.active else []
    parts += [f"falls back to {provider.fallback}"] if provider.fallback else []
    say(", ".join(parts) + ".")
    if saved.trial is None:
        say(f"It was not tried: `precedent provider test {provider.name}` does.")
        return
    show_health(saved.trial.health)
    for other, cosine in saved.trial.agreements.items():
        say(f"Its vectors agree with those of {other} (lowest cosine {cosine:.4f}).")


def show_health(health: HealthCheck) -> None:
    """What a provider answered when it was called once."""
    size = f" with vectors of {health.dimensions:,} dimensions" if health.dimensions else ""
    say(f"{health.provider} answered in {health.latency_ms or 0:,.0f} ms{size} ({health.model}).")
    for warning in health.warnings:
        warn(warning)


def show_models(name: str, found: Sequence[ModelInfo], used: str) -> None:
    """The models that an endpoint offers, with the day on which they end."""
    rows = [
        ["*" if model.id == used else "", model.id, ends_on(model) or "", model.context_tokens or "", _instead(model)]
        for model in found
    ]
    table(f"Models of {name} (* in use)", ["", "model", "ends", "context tokens", "note"], rows)


def model_record(model: ModelInfo, used: str) -> dict[str, Any]:
    """A model that an endpoint offers, for JSON."""
    ends = ends_on(model)
    return {"id": model.id, "in_use": model.id == used, "shutdown": ends, "context_tokens": model.context_tokens}


def ends_on(model: ModelInfo) -> str | None:
    """The day on which a model ends, as the endpoint says or as it was published."""
    known = RETIREMENTS.get(model.id)
    ends = model.shutdown or (known.ends if known else None)
    return ends.isoformat() if ends else None


def _instead(model: ModelInfo) -> str:
    known = RETIREMENTS.get(model.id)
    return f"retired or retiring: consider {known.instead}" if known else ""


def key_state(stored: CredentialView, *, named: bool = True) -> str:
    """What may be said of a credential; `named` adds the id of the key that it is encrypted with."""
    if not stored.has_key:
        return "none"
    if stored.key_id and stored.fingerprint is None:
        return f"unreadable (no key {stored.key_id})"
    which = f" (key id {stored.key_id})" if stored.key_id and named else ""
    return (f"…{stored.last_four}" if stored.last_four else "set") + which


def seen_state(seen: Health) -> str:
    """What was last seen, in a few words."""
    if seen.state is HealthState.OPEN:
        if seen.until is None:
            return f"blocked until it is edited or tested ({seen.reason})"
        return f"blocked for {max(1, round((seen.until - datetime.now(UTC)).total_seconds()))} s ({seen.reason})"
    if seen.state is HealthState.FAILING:
        return f"failed {seen.failures} time{'s' if seen.failures > 1 else ''} ({seen.reason})"
    if seen.state is HealthState.WELL:
        return f"answered in {seen.latency_ms:,.0f} ms" if seen.latency_ms is not None else "answered"
    return "never asked"


def inline(values: Mapping[str, Any]) -> str:
    """A mapping in one line, each value as JSON writes it."""
    return ", ".join(f"{name}={plain(value)}" for name, value in values.items())


def plain(value: Any) -> str:
    """A value for people: texts as they are, the rest as JSON writes it."""
    if value is None:
        return NEVER
    return str(value) if isinstance(value, str | Decimal) else json.dumps(value, default=str)
