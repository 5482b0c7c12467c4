"""State, sockets and their folders belong to one user, and no other may enter."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from precedent.database.embedded import programs
from precedent.errors import DatabaseError, PrecedentError
from precedent.folders import make_private, socket_folder

STRANGER = 65_534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files, as everybody may write it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def long_home(tmp_path: Path) -> Path:
    return tmp_path / ("a-long-name" * 10)


def test_a_private_folder_is_made_and_an_open_one_is_closed(tmp_path: Path) -> None:
    assert mode(make_private(tmp_path / "new" / "home")) == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    assert mode(make_private(tmp_path / "old")) == 0o700


def test_a_short_path_needs_no_other_folder_for_its_socket(tmp_path: Path) -> None:
    home = Path("/var/lib/home")
    assert socket_folder(home, "code.sock") == home


def test_the_socket_of_a_long_path_lies_in_a_private_folder(long_home: Path, temporary: Path) -> None:
    made = socket_folder(long_home, "code.sock")
    assert made.parent == temporary
    assert mode(made) == 0o700
    made.chmod(0o777)
    assert socket_folder(long_home, "code.sock") == made
    assert mode(made) == 0o700


@as_root
def test_a_socket_folder_of_another_user_is_refused(long_home: Path, temporary: Path) -> None:
    made = socket_folder(long_home, "code.sock")
    os.chown(made, STRANGER, STRANGER)
    with pytest.raises(PrecedentError, match="was made by another user"):
        socket_folder(long_home, "code.sock")
    assert made.lstat().st_uid == STRANGER


def test_a_link_in_place_of_a_socket_folder_is_refused(long_home: Path, temporary: Path, tmp_path: Path) -> None:
    made = socket_folder(long_home, "code.sock")
    made.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    made.symlink_to(elsewhere)
    with pytest.raises(PrecedentError, match="is not safe to use"):
        socket_folder(long_home, "code.sock")


@as_root
def test_the_servers_user_passes_through_what_was_roots_alone_and_no_other_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"
    programs.make_home(home)
    assert (mode(home), mode(closed)) == (0o710, 0o710)
    user = programs.server_user()
    assert user is not None
    assert {folder.stat().st_gid for folder in (home, closed)} == {user.pw_gid}
    assert [str(closed) in record.getMessage() for record in caplog.records] == [True]


@as_root
def test_a_folder_that_others_share_is_not_opened(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o770)
    with pytest.raises(DatabaseError, match=r"may not pass through .*shared.*chmod o\+x"):
        programs.make_home(shared / "home")
    assert mode(shared) == 0o770
