"""The sensor of providers: what their owners change is observed."""

import hashlib
import os

import dagster as dg
import orjson

from assets.config.providers import TENANTS_TAG
from orchestration.jobs import observe_configuration
from orchestration.sensors import database
from precedent.database.session import Database
from precedent.providers.config import repository
from precedent.sources import schedule

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
    seen = digests(database.opened())
    cursor = orjson.loads(context.cursor) if context.cursor else {}
    before: dict[str, str] = cursor.get("seen", {})
    changed = sorted(name for name, digest in seen.items() if before.get(name) != digest)
    if not changed:
        return dg.SkipReason(f"The configuration of {len(seen):,} tenants is what it was.")
    # Dagster uses a key once for ever. It counts the changes: what is set back looks as before, and is a change too.
    after = orjson.dumps({"changes": cursor.get("changes", 0) + 1, "seen": seen}, option=orjson.OPT_SORT_KEYS)
    tags = {TENANTS_TAG: ",".join(changed)} if len(changed) <= MOST_NAMED else {}
    request = dg.RunRequest(run_key=hashlib.sha256(after).hexdigest(), tags=tags)
    return dg.SensorResult(run_requests=[request], cursor=after.decode())


def digests(opened: Database) -> dict[str, str]:
    """A digest of the configuration of each tenant that has a source: providers, policies, sources, environment."""
    sources: dict[int, list[str]] = {}
    for source in schedule.sources(opened):
        # With its id: one that was removed and added again under its name is another.
        sources.setdefault(source.tenant_id, []).append(f"{source.key}:{source.id}")
    shared = "/".join(os.environ.get(name, "") for name in VARIABLES)
    return {
        name: hashlib.sha256(f"{digest}{shared}{sorted(sources[tenant_id])}".encode()).hexdigest()[:12]
        for tenant_id, (name, digest) in repository.digests(opened).items()
        if tenant_id in sources
    }
