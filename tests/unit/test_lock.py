"""The lock files pin everything that pyproject.toml asks for, with hashes."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
HASH = r"\\\n    --hash=sha256:[0-9a-f]{64} ?"
PIN = re.compile(rf"^(?P<name>[\w.-]+)==(?P<version>[^ ]+)[^\\]*(?P<hashes>(?:{HASH})*)$", re.M)


def pins(name: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for pin in PIN.finditer((ROOT / name).read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(pin["name"]), []).append((pin["version"], pin["hashes"]))
    return found


def wanted() -> list[Requirement]:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    optional = said["project"]["optional-dependencies"].values()
    lines = [*said["project"]["dependencies"], *(line for extra in optional for line in extra)]
    return [Requirement(line) for line in [*lines, *said["dependency-groups"]["dev"]]]


def test_every_dependency_is_pinned_to_a_version_that_fits() -> None:
    locked = pins("requirements.lock")
    missing = [
        str(each)
        for each in wanted()
        if not any(each.specifier.contains(version) for version, _ in locked.get(canonicalize_name(each.name), []))
    ]
    assert missing == [], "run `make lock`"


def test_every_pin_has_hashes() -> None:
    for name in ("requirements.lock", "requirements-torch-cuda.lock"):
        locked = pins(name)
        lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if "==" in line[:80]]
        assert len(lines) == sum(map(len, locked.values()))
        assert [each for each, said in locked.items() if not all(hashes for _, hashes in said)] == []


def test_torch_is_the_first_pin_in_one_version_for_both_builds() -> None:
    (cpu,), (cuda,) = pins("requirements.lock")["torch"], pins("requirements-torch-cuda.lock")["torch"]
    assert next(iter(pins("requirements.lock"))) == "torch"
    assert cpu[0] == cuda[0]
    assert not set(re.findall("[0-9a-f]{64}", cpu[1])) & set(re.findall("[0-9a-f]{64}", cuda[1]))
