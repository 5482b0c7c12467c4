"""Run every benchmark, or those named: `python -m benchmarks [NAME...]`."""

import importlib
import sys

ALL = (
    "engine",
    "ingest",
    "throughput",
    "growth",
    "search",
    "retrieval",
    "tuning",
    "lexical",
    "rerun",
    "metering",
    "quality",
    "chunking",
    "peers",
    "sensors",
)

for name in sys.argv[1:] or ALL:
    if name not in ALL:
        sys.exit(f"There is no benchmark {name!r}: choose from {', '.join(ALL)}.")
    importlib.import_module(f"benchmarks.{name}").main()
