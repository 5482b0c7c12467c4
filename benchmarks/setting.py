"""Where benchmarks find records, and how they say on what machine they ran."""

import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("PRECEDENT_RECORDS", ROOT.parent / "shared" / "data"))


def records(*parts: str) -> Path:
    """A file or folder of the real records; ends the program where it is absent."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        sys.exit(f"{path} is absent: set PRECEDENT_RECORDS to the folder of records.")
    return path


def machine() -> str:
    """Processor, cores and Python in one line."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    amx = "with" if "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8") else "without"
    return f"{names[0] if names else 'unknown'}, {os.cpu_count()} cores, {amx} AMX, Python {platform.python_version()}"
