"""What this machine computes quickly, found out without loading a model library."""

import os
from functools import lru_cache
from pathlib import Path

FLOAT32, BFLOAT16, FLOAT16 = "float32", "bfloat16", "float16"
# Units that multiply bfloat16 in hardware. Without one of them it is emulated, several times slower than float32.
BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """The processor's flags as Linux names them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def has_gpu() -> bool:
    """Whether torch finds a CUDA device; torch is only asked where a driver is loaded."""
    if not Path("/proc/driver/nvidia/version").exists():
        return False
    import torch

    return bool(torch.cuda.is_available())


def device_of(wanted: str | None) -> str:
    """`cpu` or `cuda`: what is asked for, else the GPU where there is one."""
    if wanted in ("cpu", "cuda"):
        return wanted
    return "cuda" if has_gpu() else "cpu"


def precisions(device: str) -> tuple[str, ...]:
    """What a device computes without emulation, the preferred first."""
    if device == "cuda":
        return (FLOAT16, BFLOAT16, FLOAT32)
    if cpu_flags() & BFLOAT16_FLAGS:
        return (BFLOAT16, FLOAT32)
    return (FLOAT32,)
