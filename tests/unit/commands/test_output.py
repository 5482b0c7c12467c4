"""What commands print reaches the reader and not the reader's terminal; no command prints in another way."""

import ast
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration.cli import output
from precedent.security.redaction import REPLACEMENT, register_secret

CLI = Path(output.__file__).parent
# Where printing is at home: what prints, and what shows bars.
PRINTERS = {CLI / "output.py", CLI / "progress.py"}
HOSTILE = {
    "a title that colours": ("\x1b[31mred\x1b[0m", "red"),
    "the title of the window": ("before\x1b]0;owned\x07after", "beforeafter"),
    "a link": ("\x1b]8;;http://example.org\x1b\\text\x1b]8;;\x1b\\", "text"),
    "a sequence of C1": ("a\x9b2Jb\x9d0;owned\x9cc", "abc"),
    "a string that nothing ends": ("\x1b]0;still to be read", "0;still to be read"),
    "a device control string": ("a\x1bPq#0\x1b\\b", "ab"),
    "going back over a line": ("safe\rdangerous\x08\x08", "safedangerous"),
    "a bell and a null": ("\x07a\x00b\x7f", "ab"),
    "resetting the terminal": ("\x1bcgone", "gone"),
    "lines and tabs stay": ("one\n\ttwo", "one\n\ttwo"),
    "letters stay": ("Grüße, 東京 🙂 [red]", "Grüße, 東京 🙂 [red]"),
}


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    usd: Decimal
    at: datetime


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_text_holds_nothing_that_a_terminal_obeys(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output.printable(text) == shown
    for show in (output.say, output.note, output.warn, output.fail):
        show(text)
    output.write(text)
    output.styled([(text, "bold")])
    output.table(text, ["column"], [[text]])
    printed = "".join(capsys.readouterr())
    assert not {c for c in printed if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"}
    assert "owned" not in printed


def test_half_of_a_pair_is_shown_as_what_it_is() -> None:
    assert output.printable("a\ud83db") == "a\ufffdb"


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE.values()], ids=HOSTILE)
def test_json_keeps_every_character_and_shows_none_that_a_terminal_obeys(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.emit({"title": text})
    output.emit({"title": text}, one_line=True)
    printed = capsys.readouterr().out
    assert not {c for c in printed if (c < " " and c != "\n") or "\x7f" <= c <= "\x9f"}
    first, _, last = printed.rstrip("\n").rpartition("\n")
    assert json.loads(first) == json.loads(last) == {"title": text}


def test_a_live_secret_is_printed_by_none_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    secret = f"{uuid4()}"
    register_secret(secret)
    for show in (output.say, output.note, output.warn, output.fail, output.write):
        show(f"the key is {secret}\n")
    output.emit({"key": secret})
    output.table(secret, ["key"], [[secret]])
    output.styled([(secret, "")])
    printed = "".join(capsys.readouterr())
    assert secret not in printed
    assert printed.count(REPLACEMENT) == 9


def test_what_a_library_logs_is_printed_like_everything_else(capsys: pytest.CaptureFixture[str]) -> None:
    output.LogLines().handle(logging.makeLogRecord({"msg": "%s answered", "args": ("\x1b[2Jserver",)}))
    assert capsys.readouterr().err == "server answered\n"


def test_json_is_made_of_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit([Row("one", Decimal("0.25"), datetime(2026, 1, 31, tzinfo=UTC)), {1: b"\xff", "path": Path("a/b")}])
    assert json.loads(capsys.readouterr().out) == [
        {"name": "one", "usd": 0.25, "at": "2026-01-31T00:00:00+00:00"},
        {"1": "ff", "path": "a/b"},
    ]


def test_a_table_sets_figures_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    output.table("Rows", ["name", "rows", "ok"], [["long name", 1_234, True], ["b", 7, False]])
    output.table("Amounts", ["name", "usd"], [["a", "12.50"], ["b", "1.25"]], left=1)
    lines = capsys.readouterr().out.splitlines()
    assert any("│ long name │ 1,234 │" in line for line in lines)
    assert any("│ b         │     7 │" in line for line in lines)
    assert any("│ b    │  1.25 │" in line for line in lines)


def _prints(tree: ast.AST) -> list[str]:
    """The ways in which a module prints by itself."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}:
                found.append(name)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "rich"]
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            found.append(node.module or "")
    return found


@pytest.mark.parametrize(
    "module",
    [path for path in sorted(CLI.rglob("*.py")) if path not in PRINTERS],
    ids=lambda path: str(path.relative_to(CLI)),
)
def test_a_command_prints_by_output_alone(module: Path) -> None:
    assert _prints(ast.parse(module.read_text())) == []


def test_the_search_for_other_ways_finds_them() -> None:
    program: Any = "import rich.table\nprint(1)\ntyper.echo('x')\ndef f():\n    from rich.text import Text\n"
    assert sorted(_prints(ast.parse(program))) == ["print", "rich.table", "rich.text", "typer.echo"]
