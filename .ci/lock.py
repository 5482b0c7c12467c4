"""Writes the lock files: every version and the hashes of its files, for Python 3.11 to 3.13 on Linux.

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
LOCK = ROOT / "requirements.lock"
CUDA_LOCK = ROOT / "requirements-torch-cuda.lock"
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
LINUX = {"sys_platform": "linux", "implementation_name": "cpython", "platform_python_implementation": "CPython"}
HEADERS = {
    LOCK: "Every version that the platform runs on; of torch the build for the CPU.",
    CUDA_LOCK: "The build of torch that the package registry has, with the packages for GPUs that it needs to load.",
}


def main() -> None:
    """Compile all and write it to both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    pins = compiled(upgrade=parser.parse_args().upgrade)
    cuda = {name: pin for name, pin in pins.items() if name.startswith(("torch=", "triton=", "cuda-", "nvidia-"))}
    (torch,) = (name for name in cuda if name.startswith("torch="))
    others = [pin for name, pin in pins.items() if name not in cuda]
    # Without the registry's hashes: by them pip would take the registry's build.
    write(LOCK, [with_hashes(torch, cpu_hashes(f"{torch}+cpu")), *others])
    write(CUDA_LOCK, [cuda.pop(torch), *cuda.values()])


def write(file: Path, pins: list[str]) -> None:
    """A lock file with a line that says what it is."""
    file.write_text(f"# {HEADERS[file]} Written by `make lock`.\n{''.join(pins)}", encoding="utf-8")


def compiled(*, upgrade: bool) -> dict[str, str]:
    """What uv finds for all Pythons and machines at once: lines of a requirements file by `name==version`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        if not upgrade:  # uv keeps the pins of the file that it writes over
            output.write_text(without_torch(LOCK.read_text(encoding="utf-8")) + CUDA_LOCK.read_text(encoding="utf-8"))
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


def without_torch(text: str) -> str:
    """A lock file's text without the pin of torch."""
    return re.sub(r"^torch==.*\n(?:    .*\n)*", "", text, flags=re.M)


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


def cpu_hashes(pin: str) -> list[str]:
    """The hashes of the builds for the CPU: those in the lock, and those of the files that pip finds here."""
    locked = re.search(
        rf"^{re.escape(pin.removesuffix('+cpu'))} .*\n(?:    .*\n)*", LOCK.read_text(encoding="utf-8"), re.M
    )
    hashes = set(re.findall(r"sha256:[0-9a-f]{64}", locked[0] if locked else ""))
    for python in PYTHONS:
        for machine in MACHINES:
            with tempfile.TemporaryDirectory() as folder:
                command = [
                    *(sys.executable, "-m", "pip", "download", pin, "--quiet", "--no-deps", "--dest", folder),
                    *("--only-binary", ":all:", "--python-version", python, "--platform", machine),
                ]
                if subprocess.run(command, check=False, capture_output=True).returncode:
                    print(f"{pin} for Python {python} on {machine}: not found by pip here.", file=sys.stderr)
                for file in Path(folder).iterdir():
                    hashes.add(f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")
    return sorted(hashes)


def with_hashes(pin: str, hashes: list[str]) -> str:
    """The lines of a requirements file for a pin."""
    return " \\\n    ".join([pin, *(f"--hash={digest}" for digest in hashes)]) + "\n"


if __name__ == "__main__":
    main()
