"""The number of cases is the one that is documented, however many tests share it."""

from importlib import import_module
from pathlib import Path

from tests.fuzz.cases import IN_CI, SHARES


def test_the_shares_of_all_tests_are_all_cases() -> None:
    for file in Path(__file__).parent.glob("test_*.py"):
        import_module(f"tests.fuzz.{file.stem}")
    assert sum(SHARES.values()) == IN_CI, SHARES
