"""Kinds that other distributions bring: taken where they keep the contract, listed with a reason where they do not."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from precedent.errors import UsageError
from precedent.sources import registry
from precedent.sources.registry import ListedKind

SOUND = """
from typing import Annotated
from pydantic import Field
from precedent.sources.kind import SourceConfiguration, SourceKind
from precedent.sources.options import Option, Place

class Configuration(SourceConfiguration):
    url: Annotated[str, Place.URL] = Field(description="Where it is.")
    boards: Annotated[tuple[str, ...], Option("board")] = Field(default=(), description="A board.")

KIND = SourceKind(name="trello", title="Boards", configuration=Configuration, open=lambda *_: None)
"""
Install = Callable[..., ListedKind]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one module and one entry point; how its kind is listed."""

    def installed(code: str, name: str = "trello") -> ListedKind:
        (tmp_path / "acme_kind.py").write_text(code)
        folder = tmp_path / "acme-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[precedent.sources]\n{name} = acme_kind:KIND\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry._load.cache_clear()
        return next(kind for kind in registry.list_kinds() if kind.distribution == "acme")

    yield installed
    sys.modules.pop("acme_kind", None)
    registry._load.cache_clear()


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    registry._load.cache_clear()


def test_a_sound_kind_is_usable_with_its_options(install: Install) -> None:
    listed = install(SOUND)
    assert (listed.available, [option.name for option in listed.options]) == (True, ["board"])
    assert registry.get("trello").title == "Boards"
    assert registry.configuration_of("trello", {"url": "https://x", "boards": ["a"]}).model_dump() == {
        "url": "https://x",
        "boards": ("a",),
    }


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("KIND = 7", "is not a SourceKind named trello"),
        ("OTHER = 7", "AttributeError"),
        (SOUND.replace('name="trello"', 'name="another"'), "is not a SourceKind named trello"),
        (SOUND.replace("open=lambda *_: None", "open=None"), "needs something to open it with"),
        (SOUND.replace(", open=lambda *_: None", ""), "missing 1 required keyword-only argument: 'open'"),
        (SOUND.replace("configuration=Configuration", "configuration=dict"), "is not a SourceConfiguration"),
        (SOUND.replace('description="A board."', "title='A board.'"), "boards of Configuration has no description"),
        (SOUND.replace(", Place.URL", ", 7"), "marks no field with Place"),
        (SOUND.replace('Option("board")', 'Option("key-file")'), "--key-file is an option of the command itself"),
        (SOUND.replace("open=lambda *_: None", "open=lambda *_: None, shapes=(7,)"), "7 is not a Shape"),
        (SOUND.replace('Option("board")', 'Option("jql")'), "--jql takes a value in another kind"),
        (
            "from precedent.sources.kinds.jira.shapes import ISSUE\n"
            + SOUND.replace("open=lambda *_: None", "open=lambda *_: None, shapes=(ISSUE,)"),
            "the shape jira_issue belongs to another kind",
        ),
    ],
)
def test_a_kind_that_breaks_the_contract_is_listed_with_the_reason_and_stops_no_other(
    install: Install, code: str, reason: str
) -> None:
    listed = install(code)
    assert not listed.available
    assert reason in (listed.reason or "")
    with pytest.raises(UsageError, match="cannot be used"):
        registry.get("trello")
    assert {"archive", "git", "github", "jira", "statuspage"} <= set(registry.kinds())


def test_of_two_kinds_with_one_name_ours_is_taken(install: Install) -> None:
    listed = install(SOUND.replace('name="trello"', 'name="github"'), "github")
    assert (listed.available, listed.reason) == (False, "ValueError: the name is taken by precedent")
    assert registry.get("github").title != "Boards"


def test_an_unknown_kind_names_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"There is no source kind 'svn': choose from archive, git, github"):
        registry.get("svn")


def test_records_whose_kind_is_gone_say_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"install the package that they came from"):
        registry.extract("trello_card", {})
