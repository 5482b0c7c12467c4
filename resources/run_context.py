"""What the resources of providers know of the run that uses them."""

import dagster as dg

from precedent.errors import PrecedentError
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.runtime.routing import Route
from precedent.sources.repository import SourceRow

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def call_context(context: Context, source: SourceRow) -> CallContext:
    """Who calls a provider, as the ledger records it: a run, its asset and partition."""
    asset = context.asset_key.to_user_string() if isinstance(context, dg.AssetExecutionContext) else None
    return CallContext(
        tenant_id=source.tenant_id,
        route=Route.ETL.value,
        dagster_run_id=context.run.run_id,
        asset=asset,
        partition=source.key,
        source=source.name,
    )


def pin_revision(context: Context, prefix: str, endpoint: Endpoint) -> None:
    """Tag the run with the provider that serves it; all steps of a run use one revision of its configuration.

    Args:
        context: Of the step that opens the provider.
        prefix: `embedding` or `intelligence`: the beginning of the tags' names.
        endpoint: The provider that is asked first.

    Raises:
        PrecedentError: an earlier step of the run was served by another revision.
    """
    name, fingerprint = f"precedent/{prefix}_revision", endpoint.provider.fingerprint
    run = context.instance.get_run_by_id(context.run.run_id)
    first = run.tags.get(name) if run else None
    if first is None:
        tags = {
            f"precedent/{prefix}_provider": endpoint.name,
            f"precedent/{prefix}_model": endpoint.provider.model,
            name: fingerprint,
        }
        context.instance.add_run_tags(context.run.run_id, tags)
    elif first != fingerprint:
        raise PrecedentError(
            f"The configuration of {endpoint.name} changed while this run was under way (revision {first}, now "
            f"{fingerprint}): start it again; what is done is kept."
        )
