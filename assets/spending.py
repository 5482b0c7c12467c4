"""What the calls of a step have cost, by the ledger: the same figure whatever became of the step."""

import dagster as dg

from assets.row_metadata import Metadata
from precedent.providers.billing import usage
from precedent.sources.repository import SourceRow
from resources.database import DatabaseResource


def spent(context: dg.AssetExecutionContext, database: DatabaseResource, source: SourceRow) -> Metadata:
    """The cost of all calls of this run for this asset, those of failed attempts included.

    Calls of unknown cost are counted, and are not in the amount.
    """
    with database.connection(source) as connection:
        found = usage.of_run(connection, context.run.run_id, context.asset_key.to_user_string())
    known: Metadata = {"cost/usd": float(found.known_usd)}
    return known | ({"cost/unpriced_calls": found.unpriced_calls} if found.unpriced_calls else {})
