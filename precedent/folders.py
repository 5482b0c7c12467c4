"""Folders that no other user of the machine may enter, and where sockets are made."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from precedent.errors import PrecedentError, UsageError

SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 107 bytes; PostgreSQL adds ".lock"
PRIVATE = 0o700
# Root admits the group of PostgreSQL's own user to its home: PostgreSQL refuses to run as root.
ADMITTED = 0o710


def make_private(path: Path) -> Path:
    """Make a folder, with its parents, that its owner alone may enter; one that is there is made so.

    Raises:
        PrecedentError: something else is there, or it belongs to another user, who could change what lies in it.
    """
    path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    found = path.lstat()
    user = os.geteuid()
    if user not in (found.st_uid, 0):
        raise PrecedentError(
            f"{path} belongs to another user: run this as that user, or set PRECEDENT_HOME to a folder of your own."
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode != PRIVATE and not (user == 0 and mode == ADMITTED):
        path.chmod(PRIVATE)
    return path


def socket_folder(folder: Path, socket_name: str, owner: int | None = None) -> Path:
    """The folder for a socket of `folder`: itself, or a private one of the temporary directory where its path is long.

    Args:
        folder: A private folder.
        socket_name: The socket's file name.
        owner: The id of the user whose process makes the socket; this one by default.

    Raises:
        PrecedentError: the temporary directory holds something of another user under that name.
    """
    if len(str(folder / socket_name)) <= SOCKET_PATH_LIMIT:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    made = Path(tempfile.gettempdir()) / f"precedent-{digest}"
    made.mkdir(mode=PRIVATE, exist_ok=True)
    # Everybody may make a folder there: whoever owns it could put a socket of their own in it.
    found = made.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
        raise PrecedentError(
            f"{made} was made by another user and is not safe to use: remove it, or set PRECEDENT_HOME to a folder "
            "with a shorter path."
        )
    if stat.S_IMODE(found.st_mode) != PRIVATE:
        made.chmod(PRIVATE)
    if owner is not None and found.st_uid != owner:
        os.chown(made, owner, -1)
    return made


def expanded(value: str, what: str) -> Path:
    """A path that a user wrote, with `~` and `~name` as the folders that they stand for.

    Args:
        value: What was written.
        what: What it is the path of, for the error.

    Raises:
        UsageError: it names a user that does not exist, or no path at all.
    """
    refused = UsageError(f"{what} {value[:100]!r} is no path of this machine: correct it.")
    if "\0" in value:
        raise refused
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise refused from None
