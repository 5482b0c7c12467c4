"""What a command reads to start: never Dagster where it is not needed."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from precedent.database.session import Database

PROGRAM = """
import json, sys
sys.stdout, out = open('/dev/null', 'w'), sys.stdout
{program}
print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})), file=out)
"""
COMMAND = "from orchestration.cli import run; assert run({arguments!r}) == 0"


def modules(program: str, home: Path | None = None) -> set[str]:
    """The top-level packages that a program has imported at its end."""
    environment = {**os.environ, **({"PRECEDENT_HOME": str(home)} if home else {})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program=program)], capture_output=True, env=environment, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def cpu(arguments: Sequence[str]) -> float:
    """User and system time of a program in seconds, the best of five."""
    found = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "pool", "--mode", "text"],
        ["source", "list"],
        ["usage"],
        ["tenant", "list"],
        ["provider", "list"],
        ["policy", "show"],
        ["thresholds", "show"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_that_only_reads_imports_no_dagster(
    arguments: list[str], database: Database, platform_home: Path
) -> None:
    found = modules(COMMAND.format(arguments=arguments), platform_home)
    assert "sqlalchemy" in found
    assert not {name for name in found if name.startswith("dagster")}


def test_help_imports_neither_dagster_nor_a_database() -> None:
    found = modules(COMMAND.format(arguments=["--help"]))
    assert not {name for name in found if name.startswith("dagster")}
    assert not {"sqlalchemy", "psycopg", "numpy", "rich"} & found


def test_the_library_costs_nothing_until_it_is_used() -> None:
    found = modules("import precedent; precedent.PrecedentError")
    assert not {"sqlalchemy", "psycopg", "numpy", "dagster"} & found


@pytest.mark.parametrize("module", ["precedent.search.service", "precedent.platform", "precedent.incidents.service"])
def test_the_library_imports_no_dagster(module: str) -> None:
    assert not {name for name in modules(f"import {module}") if name.startswith("dagster")}


def test_help_takes_a_third_of_the_time_of_importing_dagster() -> None:
    assert cpu(["-m", "orchestration.cli", "--help"]) < cpu(["-c", "import dagster"]) / 3
