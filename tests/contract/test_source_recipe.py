"""The recipe "Add a source kind" of the documentation, followed word for word."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEP = re.compile(r"`((?:precedent|tests)/\S+\.py)`(?:(?!```).)*?```python\n(.*?)```", re.DOTALL)
ENTRY_POINT = re.compile(r"```toml\n\[project\.entry-points\.\"precedent\.sources\"\]\n(.*?)```", re.DOTALL)
# Lets the packages of the repository go on in the folder with the recipe's files.
OVERLAY = """
import precedent.sources.kinds, tests.servers
precedent.sources.kinds.__path__.append({0!r} + "/precedent/sources/kinds")
tests.servers.__path__.append({0!r} + "/tests/servers")
"""


def test_the_kind_of_the_recipe_is_listed_and_keeps_its_contract(tmp_path: Path) -> None:
    recipe = (ROOT / "docs" / "sources.md").read_text().partition("## Add a source kind")[2]
    files = dict(STEP.findall(recipe))
    assert [Path(name).name for name in files] == ["kind.py", "source.py", "desk.py", "test_desk.py"]
    for name, code in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    (tmp_path / "precedent/sources/kinds/desk/__init__.py").touch()
    installed = tmp_path / "desk-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: desk\nVersion: 1.0\n")
    point = ENTRY_POINT.findall(recipe)[0].replace('"', "")
    (installed / "entry_points.txt").write_text(f"[precedent.sources]\n{point}")
    (tmp_path / "sitecustomize.py").write_text(OVERLAY.format(str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_desk.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[2-9]\d passed", done.stdout)
