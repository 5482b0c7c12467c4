"""Run every benchmark, or those named: `python -m benchmarks [NAME...]`."""

import importlib
import sys

BENCHMARKS = {
    "engine": "engine",
    "ingest": "ingest",
    "throughput": "throughput",
    "growth": "scale.growth",
    "search": "scale.search",
    "retrieval": "ranking.retrieval",
    "tuning": "ranking.tuning",
    "lexical": "ranking.lexical",
    "start": "start",
    "rerun": "rerun",
    "metering": "metering",
    "analyses": "analyses",
    "quality": "quality",
    "masking": "masking",
    "chunking": "ranking.chunking",
    "peers": "peers.comparison",
    "sensors": "automation.sensors",
}

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS:
        sys.exit(f"There is no benchmark {name!r}: choose from {', '.join(BENCHMARKS)}.")
    importlib.import_module(f"benchmarks.{BENCHMARKS[name]}").main()
