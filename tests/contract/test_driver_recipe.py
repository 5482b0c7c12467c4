"""The driver of the documentation, followed word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"`(acme_driver\.py|tests/test_acme\.py)`(?:(?!```).)*?```python\n(.*?)```", re.DOTALL)
PLUGIN = re.compile(r"^`(pytest_plugins = .*)`:$", re.MULTILINE)
ENTRY_POINT = re.compile(r"\[project\.entry-points\.\"precedent\.providers\"\]\n(.*)\n")
PASSED = re.compile(r"^python -m pytest +# (\d+ passed)$", re.MULTILINE)


def test_the_driver_of_the_page_keeps_its_contract(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "drivers.md").read_text()
    files = dict(FILE.findall(page))
    files["tests/conftest.py"] = PLUGIN.findall(page)[0]
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    installed = tmp_path / "acme-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    point = ENTRY_POINT.findall(page)[0].replace('"', "")
    (installed / "entry_points.txt").write_text(f"[precedent.providers]\n{point}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert PASSED.findall(page)[0] in done.stdout
