"""The recipe "Add a source kind" of the documentation, followed word for word."""

import re
from pathlib import Path

from tests.contract import recipe

STEP = re.compile(r"`((?:precedent|tests)/\S+\.py)`(?:(?!```).)*?```python\n(.*?)```", re.DOTALL)
ENTRY_POINT = re.compile(r"```toml\n\[project\.entry-points\.\"precedent\.sources\"\]\n(.*?)```", re.DOTALL)
# Lets the packages of the repository go on in the folder with the recipe's files.
OVERLAY = """
import precedent.sources.kinds, tests.servers
precedent.sources.kinds.__path__.append({0!r} + "/precedent/sources/kinds")
tests.servers.__path__.append({0!r} + "/tests/servers")
"""


def test_the_kind_of_the_recipe_is_listed_and_keeps_its_contract(tmp_path: Path) -> None:
    page = (recipe.ROOT / "docs" / "sources.md").read_text().partition("## Add a source kind")[2]
    files = dict(STEP.findall(page))
    assert [Path(name).name for name in files] == ["kind.py", "source.py", "desk.py", "test_desk.py"]
    recipe.write(tmp_path, files)
    (tmp_path / "precedent/sources/kinds/desk/__init__.py").touch()
    recipe.install(tmp_path, "desk", "precedent.sources", ENTRY_POINT.findall(page)[0])
    (tmp_path / "sitecustomize.py").write_text(OVERLAY.format(str(tmp_path)))
    assert re.search(r"[2-9]\d passed", recipe.output_of_tests(tmp_path, "tests/contract/test_desk.py"))
