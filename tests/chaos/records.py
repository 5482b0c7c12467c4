"""The records of a round: a folder of files, and a repository for the loopback GitHub; the same in every process."""

from pathlib import Path

from tests.integration.conftest import TOPICS, incident, issue, write_lines
from tests.servers.github_repository import Repository

ISSUES, INCIDENTS = 48, 8
PULLS, COMMITS, COMMENTED = 24, 8, 6


def write_archive(folder: Path) -> Path:
    """A folder with 48 issues, of which one line is broken, and 8 incidents."""
    folder.mkdir()
    issues = [issue(n, f"{_title(n)} in cell {n}", f"{_body(n)} Seen by team {n}.") for n in range(1, ISSUES + 1)]
    write_lines(folder / "issues.jsonl", issues)
    with (folder / "issues.jsonl").open("a") as lines:
        lines.write('{"number": 4')
    incidents = [incident(f"{_title(n)} again {n}", f"{_body(n)} Cell {n} fails.", n) for n in range(1, INCIDENTS + 1)]
    write_lines(folder / "incidents.jsonl", incidents)
    return folder


def fill(repository: Repository) -> None:
    """Issues, pull requests with reviews, comments and commits: several pages of several streams."""
    for n in range(1, ISSUES + 1):
        pull = n % (ISSUES // PULLS) == 0
        number = repository.add_issue(f"{_title(n)} in repository {n}", pull=pull, body=f"{_body(n)} Case {n}.")
        if pull:
            repository.add_review(number)
        if n % COMMENTED == 0:
            repository.add_comment(number, f"The same happens in cell {n}.")
    for n in range(1, COMMITS + 1):
        repository.add_commit(f"Repair cell {n}\n\n{_body(n)}")


def _title(number: int) -> str:
    return TOPICS[number % len(TOPICS)][0]


def _body(number: int) -> str:
    # No two of a topic are alike, or chance would say which of them is the better evidence.
    more = " ".join(f"detail{number}x{word}" for word in range(number // len(TOPICS)))
    return f"{TOPICS[number % len(TOPICS)][1]} {more}".rstrip() + "."
