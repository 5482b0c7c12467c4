"""Providers and budgets: what their owners change is observed, and money that runs out is announced."""

import hashlib
import os

import dagster as dg
import orjson

from assets.config.providers import TENANTS_TAG
from orchestration.jobs import check_budgets, observe_configuration
from orchestration.sensors import opening
from precedent.providers.config import repository
from precedent.sources import schedule
from precedent.tenants import budgets

LEVELS = (80, 100)  # percent of a month's budget
# The built-in choice of a provider reads these, so a change of one is a change of configuration.
VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_EMBEDDING_MODEL")
MOST_NAMED = 50


@dg.sensor(
    name="provider_configuration",
    job=observe_configuration,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Observes `config/*` when a provider, a policy or the list of sources has changed.",
)
def provider_configuration(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run when anything changed; it looks at the tenants in its tag only, at all where there are many."""
    database = opening.database()
    found = repository.digests(database)
    sources: dict[int, list[str]] = {}
    for source in schedule.sources(database):
        # With its id: one that was removed and added again under its name is another.
        sources.setdefault(source.tenant_id, []).append(f"{source.key}:{source.id}")
    shared = "/".join(os.environ.get(name, "") for name in VARIABLES)
    seen = {
        name: hashlib.sha256(f"{digest}{shared}{sorted(sources[tenant_id])}".encode()).hexdigest()[:12]
        for tenant_id, (name, digest) in found.items()
        if tenant_id in sources
    }
    cursor = orjson.loads(context.cursor) if context.cursor else {}
    before: dict[str, str] = cursor.get("seen", {})
    changed = sorted(name for name, digest in seen.items() if before.get(name) != digest)
    if not changed:
        return dg.SkipReason(f"The configuration of {len(seen):,} tenants is what it was.")
    # A key is used once for ever. It counts the changes: what is set back looks as it did before, and is a change too.
    after = orjson.dumps({"changes": cursor.get("changes", 0) + 1, "seen": seen}, option=orjson.OPT_SORT_KEYS)
    tags = {TENANTS_TAG: ",".join(changed)} if len(changed) <= MOST_NAMED else {}
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=hashlib.sha256(after).hexdigest(), tags=tags)], cursor=after.decode()
    )


@dg.sensor(
    name="budget_warnings",
    job=check_budgets,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs the check `within_budget` when a tenant reaches 80 % or 100 % of its budget of the month.",
)
def budget_warnings(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run for each level that a tenant reaches in a month; the check says who, and fails at 100 %."""
    requests = [
        dg.RunRequest(run_key=f"{budget.tenant}:{budget.month:%Y-%m}:{budget.limit_usd:f}:{level}")
        for budget in budgets.list(opening.database())
        for level in LEVELS
        if 100 * budget.share >= level
    ]
    if not requests:
        return dg.SkipReason(f"No tenant has used {LEVELS[0]} % of its budget.")
    return dg.SensorResult(run_requests=requests)
