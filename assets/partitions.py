"""The one partition dimension of the graph."""

import dagster as dg

NAME = "source"

# One key per source, `tenant/source-name`. What changed inside a source is tracked row by row in our own tables:
# bookkeeping costs Dagster 60-110 ms a key.
source_partitions = dg.DynamicPartitionsDefinition(name=NAME)

# A run has one source: a crash loses the results of that one and no other.
backfill_policy = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)
