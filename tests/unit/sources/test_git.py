from pathlib import Path

import pygit2
import pytest

from precedent.errors import SourceError
from precedent.sources.kinds.git.local import GitSource
from precedent.sources.records import RawRecord

ANA = pygit2.Signature("Ana", "ana@example.com", 1_735_689_600, 60)


def commit(repository: pygit2.Repository, message: str, files: dict[str, str], *parents: pygit2.Oid) -> pygit2.Oid:
    index = pygit2.Index()
    if parents:
        index.read_tree(repository[parents[0]].tree)
    for name, content in files.items():
        index.add(pygit2.IndexEntry(name, repository.create_blob(content.encode()), pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    return repository.create_commit(None, ANA, ANA, message, tree, list(parents))


@pytest.fixture
def repository(tmp_path: Path) -> pygit2.Repository:
    return pygit2.init_repository(str(tmp_path / "clone"))


def records(path: Path, branch: str | None = None) -> list[RawRecord]:
    found = list(GitSource(path, branch).read())
    assert all(isinstance(item, RawRecord) for item in found)
    return [item for item in found if isinstance(item, RawRecord)]


def test_commits_have_their_files_and_size(repository: pygit2.Repository, tmp_path: Path) -> None:
    first = commit(repository, "First\n\nWith a body.", {"a.txt": "1\n2\n"})
    second = commit(repository, "Second", {"a.txt": "1\n3\n", "b.txt": "x\n"}, first)
    repository.references.create("refs/heads/master", second)
    repository.set_head("refs/heads/master")
    by_id = {item.external_id: item for item in records(tmp_path / "clone")}
    assert set(by_id) == {str(first), str(second)}
    assert by_id[str(first)].payload["files"] == ["a.txt"]
    assert (by_id[str(first)].payload["insertions"], by_id[str(first)].payload["deletions"]) == (2, 0)
    assert by_id[str(second)].payload["files"] == ["a.txt", "b.txt"]
    assert (by_id[str(second)].payload["insertions"], by_id[str(second)].payload["deletions"]) == (2, 1)
    assert by_id[str(second)].payload["author_date"] == "2025-01-01T01:00:00+01:00"
    assert "ana@example.com" not in str(by_id[str(second)].payload)


def test_a_merge_is_compared_with_its_first_parent(repository: pygit2.Repository, tmp_path: Path) -> None:
    base = commit(repository, "Base", {"a.txt": "1\n"})
    side = commit(repository, "Side", {"side.txt": "s\n"}, base)
    merge = commit(repository, "Merge", {"side.txt": "s\n"}, base, side)
    repository.references.create("refs/heads/master", merge)
    repository.set_head("refs/heads/master")
    merged = next(item for item in records(tmp_path / "clone") if item.external_id == str(merge))
    assert merged.payload["files"] == ["side.txt"]
    assert len(merged.payload["parents"]) == 2


def test_an_empty_repository_yields_nothing(repository: pygit2.Repository, tmp_path: Path) -> None:
    assert records(tmp_path / "clone") == []


def test_the_fingerprint_moves_with_the_branch(repository: pygit2.Repository, tmp_path: Path) -> None:
    first = commit(repository, "First", {"a": "1"})
    repository.references.create("refs/heads/master", first)
    repository.set_head("refs/heads/master")
    before = GitSource(tmp_path / "clone").fingerprint()
    repository.references.create("refs/heads/master", commit(repository, "Second", {"a": "2"}, first), force=True)
    assert GitSource(tmp_path / "clone").fingerprint() != before


def test_what_is_no_clone_or_no_branch_is_said(repository: pygit2.Repository, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no git repository"):
        GitSource(tmp_path)
    with pytest.raises(SourceError, match="no branch 'release'"):
        GitSource(tmp_path / "clone", "release")
