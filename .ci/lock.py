"""Writes requirements.lock and requirements-cuda.lock: every version and the hashes of its files, for Python 3.11 to 3.13.

Pins stay as they are where `pyproject.toml` allows; `--upgrade` takes newer ones. `make lock` runs it.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
LOCK, CUDA_LOCK = ROOT / "requirements.lock", ROOT / "requirements-cuda.lock"
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
LINUX = {"sys_platform": "linux", "implementation_name": "cpython", "platform_python_implementation": "CPython"}
HEADER = """\
# Every version that the platform runs on, with the hashes of its files: for Python 3.11 to 3.13 on Linux.
# Written by `make lock`; install with `pip install --require-hashes --no-deps -r {name}`.
"""
OF_TORCH = """\
# torch has two builds: one for the CPU, which pip prefers where it finds it, and the registry's own, which needs the
# packages of requirements-cuda.lock as well. The hashes are of both.
"""
OF_CUDA = """\
# What the registry's build of torch needs in addition to requirements.lock; the build for the CPU needs none of it.
"""


def main() -> None:
    """Compile, split and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    pins = compiled(upgrade=parser.parse_args().upgrade)
    cuda = {name: pin for name, pin in pins.items() if name.startswith(("cuda-", "nvidia-", "triton="))}
    (torch,) = (name for name in pins if name.startswith("torch="))
    others = "".join(pin for name, pin in pins.items() if name not in cuda and name != torch)
    torch = with_hashes(pins[torch], cpu_hashes(torch))
    LOCK.write_text(HEADER.format(name=LOCK.name) + OF_TORCH + torch + others, encoding="utf-8")
    CUDA_LOCK.write_text(OF_CUDA + "".join(cuda.values()), encoding="utf-8")


def compiled(*, upgrade: bool) -> dict[str, str]:
    """What uv finds for all Pythons and machines at once: lines of a requirements file by `name==version`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if not upgrade:  # uv keeps the pins of the file that it writes over
            output.write_text("".join(file.read_text(encoding="utf-8") for file in (LOCK, CUDA_LOCK) if file.exists()))
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--quiet"),
                *("--universal", "--python-version", PYTHONS[0], "--all-extras", "--group", "dev"),
                *("--generate-hashes", "--no-header", "--no-annotate", "--output-file", str(output)),
                *(["--upgrade"] if upgrade else []),
            ],
            cwd=ROOT,
            check=True,
        )
        text = output.read_text(encoding="utf-8")
    blocks = re.findall(r"^\S.*\n(?:    .*\n)*", text, flags=re.M)
    return {block.split()[0]: without_needless_marker(block) for block in blocks}


def without_needless_marker(pin: str) -> str:
    """The pin without its marker where that is true for every Python and machine."""
    marker = re.search(r" ; (.*) \\", pin)
    said = [
        Marker(marker[1]).evaluate({**LINUX, "python_full_version": python, "platform_machine": machine})
        for python in (*PYTHONS, f"{PYTHONS[0]}.99")
        for machine in ("x86_64", "aarch64")
        if marker
    ]
    return pin.replace(marker[0], " \\", 1) if marker and all(said) else pin


def cpu_hashes(version: str) -> list[str]:
    """The hashes of torch's CPU builds: those known before, and those of the files that pip finds on this machine."""
    known = re.findall(rf"^{re.escape(version)} .*\n(?:    .*\n)*", LOCK.read_text(encoding="utf-8"), flags=re.M)
    found = set(re.findall(r"sha256:[0-9a-f]{64}", "".join(known)))
    for python in PYTHONS:
        for machine in MACHINES:
            with tempfile.TemporaryDirectory() as folder:
                command = [
                    *(sys.executable, "-m", "pip", "download", f"{version}+cpu", "--quiet", "--no-deps"),
                    *("--only-binary", ":all:", "--python-version", python, "--platform", machine, "--dest", folder),
                ]
                if subprocess.run(command, check=False, capture_output=True).returncode:
                    print(f"{version}+cpu for Python {python} on {machine}: not found by pip here.", file=sys.stderr)
                for file in Path(folder).iterdir():
                    found.add(f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")
    return sorted(found)


def with_hashes(pin: str, more: list[str]) -> str:
    """A pin that allows more files."""
    requirement, *hashes = re.split(r"\s*\\\n\s*--hash=", pin.strip())
    return " \\\n    --hash=".join([requirement, *sorted({*hashes, *more})]) + "\n"


if __name__ == "__main__":
    main()
