"""A generator of hostile records and files; it knows which of its records are sound."""

import gzip
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Poison = Callable[[random.Random, int], str]


def _issue(number: int, **fields: Any) -> dict[str, Any]:
    return {"number": number, "title": f"Title {number}", "created_at": "2025-01-01T00:00:00Z", **fields}


def _with(number: int, name: str, written: str) -> str:
    """An issue with one more field, whose value is JSON or is not."""
    return f'{json.dumps(_issue(number))[:-1]}, "{name}": {written}}}'


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def _jira(number: int, description: Any) -> str:
    return json.dumps({"key": f"PRO-{number}", "fields": {"summary": f"Title {number}", "description": description}})


def _document(lists: int) -> dict[str, Any]:
    """A document of Jira's with lists within lists; each is four levels of JSON."""
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(lists):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    return {"type": "doc", "content": [node]}


# What cannot be a record, each from the number that it would have had.
POISONS: tuple[Poison, ...] = (
    lambda chance, n: _with(n, "deep", _nested(chance.randint(200, 2_000))),
    lambda chance, n: _with(n, "large", "9" * chance.randint(310, 6_000)),
    lambda chance, n: _with(n, "created_at", f'"{"1 " * chance.randint(51, 5_000)}"'),
    lambda chance, n: _with(
        n, "created_at", chance.choice(["1e308", "-1e18", '"someday"', "true", "{}", '"0001-01-01"'])
    ),
    lambda chance, n: _with(n, "number", chance.choice(['"\u00b2"', "null", "1.5", "[]", "1" * 30, '""', "true"])),
    lambda chance, n: _with(n, "labels", chance.choice(['"bug"', "7", "{}"])),
    lambda chance, n: _with(n, "title", chance.choice(["[]", "{}", "7"])),
    lambda chance, n: _with(n, "body", chance.choice(["NaN", "tru", "'x'", "1e999", "01", '"\x01"', '"\\x"'])),
    lambda chance, n: json.dumps(
        {"number": n, "title": "x", "url": f"https://a.b/repos/{'o' * chance.randint(1_000, 20_000)}/n/x"}
    ),
    lambda chance, n: json.dumps({"fields": {"summary": [n]}, "key": "K" * chance.randint(1, 9_000)}),
    lambda chance, n: _jira(n, _document(chance.randint(50, 200))),
    lambda chance, n: _jira(n, chance.choice([[1], 7, True])),
    lambda chance, n: json.dumps({"poem": n, "incident": chance.random()}),
    lambda chance, n: chance.choice(["7", "null", '"text"', "[1, 2]", "{}", "-0.0"]),
)
# What is odd and sound.
ODDITIES: tuple[Callable[[random.Random], dict[str, Any]], ...] = (
    lambda _: {},
    lambda chance: {"n": chance.choice([1 << 64, -(1 << 70), 10**30]), "t": "a\0b"},
    lambda _: {"body": "half \ud83d of a pair"},
    lambda chance: {"deep": json.loads(_nested(chance.randint(1, 150)))},
    lambda chance: {
        "body": chance.choice(["[", "![", "> ", "- a\n", "\x1b[", "<b>", "{code}"]) * chance.randint(1, 3_000)
    },
    lambda chance: {"created_at": chance.choice([None, "", 1_700_000_000, "1700000000000", "3 Mar 2021 10:00 +0200"])},
    lambda _: {"labels": None, "user": None, "title": None},
    lambda chance: {"many": [{}] * chance.randint(1, 3_000)},
)
# Documents that no reader expects, in records that are sound.
DOCUMENTS: tuple[Callable[[random.Random], Any], ...] = (
    lambda chance: _document(chance.randint(1, 40)),
    lambda _: {"type": "doc", "content": [{"type": ["paragraph"], "content": [{"type": {}, "text": "odd"}]}]},
    lambda _: {"type": "doc", "content": {"type": "text"}, "version": None},
    lambda chance: {"type": "doc", "content": [{"type": "table", "content": [{}] * chance.randint(1, 2_000)}]},
    lambda chance: chance.choice(["{code}", "{quote}", "||", "{{", "h1. ", "[a|"]) * chance.randint(1, 3_000),
)


@dataclass(slots=True)
class Hostile:
    """What was written: the ids of sound records, and how many others there are."""

    sound: set[str] = field(default_factory=set)
    poisoned: int = 0


def write_hostile(folder: Path, count: int, seed: int) -> Hostile:
    """Write records into files of every form, a tenth of them poisoned; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    found = Hostile()
    number = 0
    while number < count:
        records: list[str] = []
        for _ in range(min(chance.randint(1, 400), count - number)):
            number += 1
            if chance.random() < 0.1:
                records.append(chance.choice(POISONS)(chance, number))
                found.poisoned += 1
            elif chance.random() < 0.1:
                records.append(_jira(number, chance.choice(DOCUMENTS)(chance)))
                found.sound.add(f"PRO-{number}")
            else:
                records.append(json.dumps(_issue(number) | chance.choice(ODDITIES)(chance)))
                found.sound.add(f"#{number}")
        _write(folder, f"{number:06d}", records, chance)
    return found


def _write(folder: Path, name: str, records: list[str], chance: random.Random) -> None:
    mark = chance.choice(["", "\ufeff"])
    half = len(records) // 2
    text, suffix = chance.choice(
        [
            ("\n".join(records), "jsonl"),
            (f"[{', '.join(records)}]", "json"),
            (f'{{"page": 1, "issues": [{", ".join(records)}], "total": {{"of": [1]}}}}', "json"),
            (f'{{"issues": [{", ".join(records[:half])}], "pull_requests": [{",".join(records[half:])}]}}', "json"),
        ]
    )
    raw = (mark + text).encode()
    name += chance.choice(["", "", "\udcff", "\x1b[2J", " 'x'"])
    if chance.random() < 0.3:
        (folder / f"{name}.{suffix}.gz").write_bytes(gzip.compress(raw))
    else:
        (folder / f"{name}.{suffix}").write_bytes(raw)


def write_bombs(folder: Path, megabytes: int) -> int:
    """Write files that were made to fill memory, a disk or a day; returns how many rejections they must end in.

    Args:
        folder: Where.
        megabytes: How large each becomes when it is read.
    """
    parts = {
        "brackets.json": (b"", b"[", b""),
        "string.json": (b'[{"number": 1, "title": "', b"x", b'"}]'),
        "objects.json": (b'[{"number": 1, "title": "x", "b": [{}', b",{}", b"]}]"),
        "line.jsonl": (b"", b"x", b""),
        "nul.jsonl": (b'{"number": 1, "title": "\\u0000", "b": [{}', b",{}", b"]}"),
        "brackets.json.gz": (b"", b"[", b""),
    }
    for name, (start, part, end) in parts.items():
        with gzip.open(folder / name, "wb") if name.endswith(".gz") else (folder / name).open("wb") as out:
            out.write(start)
            for _ in range(megabytes):
                out.write(part * ((1 << 20) // len(part)))
            out.write(end)
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    (folder / "passwd.jsonl").symlink_to("/etc/passwd")
    (folder / "circle.jsonl").symlink_to("circle.jsonl")
    return len(parts) + 4
