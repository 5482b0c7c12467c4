"""The library as a program uses it: the page of the documentation, executed."""

import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import precedent
from precedent.settings import PROJECT_ROOT

Call = Callable[..., tuple[int, str, str]]
PAGE = PROJECT_ROOT / "docs" / "python.md"
RECORDS = PROJECT_ROOT / "orchestration" / "demo_records"


@pytest.fixture(scope="module")
def loaded(platform_home: Path) -> None:
    """The records of the demo, in the default tenant."""
    from orchestration.cli import run

    assert run(["source", "add", "harbor-lane", str(RECORDS)]) == 0
    assert run(["refresh", "harbor-lane", "--json"]) == 0


def test_the_program_of_the_page_runs(loaded: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    capsys.readouterr()
    runpy.run_path(str(tmp_path / "program.py"))
    printed = capsys.readouterr().out
    assert "resembles HL-38 most" in printed
    assert "harbor-lane: ok" in printed
    assert "text_generation" in printed
    assert len(printed.splitlines()) > 8


def test_the_page_lists_every_name(loaded: None) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"\b(?:open|[A-Z]\w+)\b", " ".join(re.findall(r"`([^`]*)`", " ".join(rows)))))
    assert set(precedent._MODULES) <= listed
    assert set(precedent._MODULES) <= set(dir(precedent))
    assert all(getattr(precedent, name).__doc__ for name in precedent._MODULES)


def test_a_tenant_sees_what_the_command_prints(loaded: None, precedent_json: Callable[..., object]) -> None:
    with precedent.open() as platform:
        tenant = platform.tenant()
        found = tenant.search("connection pool exhausted", k=3, mode="text")
        assert [result.external_id for result in found] == [
            row["external_id"]
            for row in precedent_json("search", "connection pool exhausted", "-k", 3, "--mode", "text")
        ]
        assert [source.name for source in tenant.sources()] == [
            row["name"] for row in precedent_json("source", "list", "--tenant", "default")
        ]
        assert {row["tenant"] for row in precedent_json("tenant", "list")} == set(platform.tenants())
        assert tenant.usage().total.figures.calls == precedent_json("usage")["total"]["calls"]


@pytest.fixture
def precedent_json(precedent: Call) -> Callable[..., object]:
    """A command's answer as JSON."""
    import json

    def call(*arguments: object) -> object:
        code, out, error = precedent(*arguments, "--json")
        assert code == 0, error
        return json.loads(out)

    return call


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = precedent.Nothing  # type: ignore[attr-defined]


def test_an_unknown_tenant_is_an_error_that_says_what_to_do(loaded: None) -> None:
    with precedent.open() as platform, pytest.raises(precedent.NotFoundError, match="precedent tenant add nobody"):
        platform.tenant("nobody")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(sys.modules["precedent"].__file__ or "").parent / "py.typed").exists()
