"""How providers are shown to people: tables and sentences."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orchestration.cli.output import say, table, warn
from precedent.providers.base import ModelInfo
from precedent.providers.config.defaults import RETIREMENTS
from precedent.providers.config.health_check import Health
from precedent.providers.config.save import Trial
from precedent.providers.config.views import ROW, Seen, Shown
from precedent.providers.registry import Listed
from precedent.security.credentials import Stored

NEVER = "-"


def show_drivers(drivers: Sequence[Listed]) -> None:
    """Which drivers there are, and what an unavailable one needs."""
    rows = [
        [
            item.name, item.title + (" (experimental)" if item.experimental else ""),
            ", ".join(name.replace("_", " ") for name in item.capabilities),
            "yes" if item.available else "no", item.why or "",
        ]
        for item in drivers
    ]  # fmt: skip
    table("Drivers", ["driver", "title", "capabilities", "available", "what to do"], rows)


def show_providers(tenant: str, found: Sequence[Shown]) -> None:
    """A tenant's providers, the active one of each capability first."""
    rows = [
        [
            "*" if item.active else "", item.name, item.capability.replace("_", " "),
            item.origin if item.name == item.driver and item.origin != ROW else item.driver, item.model,
            item.fallback or NEVER, key_state(item.credentials, named=False), item.problem or seen_state(item.seen),
        ]
        for item in found
    ]  # fmt: skip
    columns = ["", "provider", "capability", "driver", "model", "falls back to", "key", "last seen"]
    table(f"Providers of {tenant} (* active)", columns, rows)


def show_provider(item: Shown) -> None:
    """All that may be shown of one provider."""
    rows: list[list[object]] = [
        ["capability", item.capability.replace("_", " ")], ["driver", item.driver], ["model", item.model],
        ["address", item.base_url or "the driver's own"],
        ["active", ("yes" if item.active else "no") + ("" if item.origin == ROW else f", from the {item.origin}")],
        ["falls back to", item.fallback or NEVER], ["key", key_state(item.credentials)],
        ["texts leave", {True: "yes, it is external", False: "no", None: "unknown"}[item.external]],
        ["last seen", seen_state(item.seen)],
    ]  # fmt: skip
    if item.seen.error:
        rows.append(["last error", item.seen.error])
    for title, values in (("options", item.options), ("performance", item.performance), ("cost", item.cost)):
        if values:
            rows.append([title, inline(values)])
    if item.description:
        rows.append(["description", item.description])
    if item.origin == ROW:
        rows.append(["revision", f"{item.revision}, behaviour {item.behaviour or 'unknown'}"])
    if item.updated_at:
        rows.append(["changed", f"{item.updated_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"])
    if item.problem:
        rows.append(["problem", item.problem])
    table(f"Provider {item.name}", ["what", "is"], rows)


def show_trial(name: str, trial: Trial | None) -> None:
    """What a provider answered when it was saved."""
    if trial is None:
        say(f"It was not tried: `precedent provider test {name}` does.")
        return
    show_health(trial.health)
    for other, cosine in trial.agreements.items():
        say(f"Its vectors agree with those of {other} (lowest cosine {cosine:.4f}).")


def show_health(health: Health) -> None:
    """What a trial found of a provider that answered."""
    size = f" with vectors of {health.dimensions:,} dimensions" if health.dimensions else ""
    say(f"{health.provider} answered in {health.latency_ms or 0:,.0f} ms{size} ({health.model}).")
    for warning in health.warnings:
        warn(warning)


def show_models(name: str, found: Sequence[ModelInfo], in_use: str) -> None:
    """The models that an endpoint offers, with the day on which they end."""
    rows = [
        ["*" if model.id == in_use else "", model.id, ends_on(model) or "", model.context_tokens or "",
         _instead(model)]
        for model in found
    ]  # fmt: skip
    table(f"Models of {name} (* in use)", ["", "model", "ends", "context tokens", "note"], rows)


def ends_on(model: ModelInfo) -> str | None:
    """The day on which a model ends, as the endpoint says or as it was published."""
    known = RETIREMENTS.get(model.id)
    ends = model.shutdown or (known.ends if known else None)
    return ends.isoformat() if ends else None


def _instead(model: ModelInfo) -> str:
    known = RETIREMENTS.get(model.id)
    return f"retired or retiring: consider {known.instead}" if known else ""


def key_state(stored: Stored, *, named: bool = True) -> str:
    """What may be said of a credential; `named` adds the id of the key that it is encrypted with."""
    if not stored.has_key:
        return "none"
    if stored.key_id and stored.fingerprint is None:
        return f"unreadable (no key {stored.key_id})"
    which = f" (key id {stored.key_id})" if stored.key_id and named else ""
    return (f"…{stored.last_four}" if stored.last_four else "set") + which


def seen_state(seen: Seen) -> str:
    """What was last seen, in a few words."""
    if seen.state == "open":
        if seen.until is None:
            return f"blocked until it is edited or tested ({seen.reason})"
        return f"blocked for {max(1, round((seen.until - datetime.now(UTC)).total_seconds()))} s ({seen.reason})"
    if seen.state == "failing":
        return f"failed {seen.failures} time{'s' if seen.failures > 1 else ''} ({seen.reason})"
    if seen.state == "well":
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
