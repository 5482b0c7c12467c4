"""The driver of the documentation, followed word for word."""

import re
from pathlib import Path

from tests.contract import recipe

FILE = re.compile(r"`(acme_driver\.py|tests/test_acme\.py)`(?:(?!```).)*?```python\n(.*?)```", re.DOTALL)
PLUGIN = re.compile(r"^`(pytest_plugins = .*)`:$", re.MULTILINE)
ENTRY_POINT = re.compile(r"\[project\.entry-points\.\"precedent\.providers\"\]\n(.*)\n")
PASSED = re.compile(r"^python -m pytest +# (\d+ passed)$", re.MULTILINE)


def test_the_driver_of_the_page_keeps_its_contract(tmp_path: Path) -> None:
    page = (recipe.ROOT / "docs" / "drivers.md").read_text()
    files = dict(FILE.findall(page))
    files["tests/conftest.py"] = PLUGIN.findall(page)[0]
    recipe.write(tmp_path, files)
    recipe.install(tmp_path, "acme", "precedent.providers", ENTRY_POINT.findall(page)[0])
    assert PASSED.findall(page)[0] in recipe.output_of_tests(tmp_path, "tests")
