"""The far end of a git source: what it lists, and fetching from it into a bare repository."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from precedent.errors import ActionRequired, NotThere, RetryLater, SourceFault, UsageError
from precedent.retry import PAUSE_AFTER_TROUBLE
from precedent.security.redaction import scrub

if TYPE_CHECKING:
    from pygit2 import Keypair, RemoteCallbacks, Repository, Username, UserPass
    from pygit2.enums import CredentialType
    from pygit2.remotes import TransferProgress

SCHEMES = ("https", "http", "ssh", "file")
FETCHED = "refs/precedent/fetched"
TIMEOUT_S = 60.0
SHOWN_BRANCHES = 20
# libgit2 says which part of it failed: the system, the network, TLS, SSH, HTTP.
OS, NET, TLS, SSH, HTTP = 2, 12, 16, 23, 34
CONNECTION = frozenset({NET, TLS, SSH, HTTP})
STATUS = re.compile(r"http status code: (\d{3})")
STORAGE = re.compile(
    r"no space left|quota exceeded|file too large|permission denied|read-only file system|too many open files", re.I
)

Progress = Callable[[int, int], None]


class Damaged(Exception):
    """The local clone does not hold together; never leaves the source, which clones again."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository by URL.

    Args:
        url: `https`, `http`, `ssh` or `file`, without a password or token.
        branch: The branch to follow; None: the server's default branch, whatever it is called then.
        auth: User name and password or token.
        timeout_s: The longest silence of the server, seconds. libgit2 has one such limit for the whole process.
        progress: Called with the objects received so far and in all.

    Raises:
        UsageError: no URL of these kinds, or one with credentials in it.
    """

    url: str
    branch: str | None = None
    auth: tuple[str, str] | None = None
    timeout_s: float = TIMEOUT_S
    progress: Progress | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
            raise UsageError("The URL holds credentials: leave them out, and give user name and secret apart.")
        if parts.scheme not in SCHEMES:
            raise UsageError("The URL of a git repository begins with https://, http://, ssh:// or file://.")
        if not parts.path.strip("/") or (parts.scheme != "file" and not parts.hostname):
            raise UsageError(f"{self.url} names no repository: give its whole URL, e.g. https://host/owner/name.git.")

    def __repr__(self) -> str:
        return f"Remote({self.url!r}, branch={self.branch!r})"

    @property
    def name(self) -> str:
        """The last part of the URL, for records that cannot be read."""
        return self.url.rstrip("/").rpartition("/")[2].removesuffix(".git")

    @property
    def local(self) -> bool:
        """True if it lies in this machine's file system."""
        return self.url.startswith("file:")

    def head(self) -> str | None:
        """The id of the newest commit of the branch; None where the repository is empty.

        Raises:
            RetryLater: the server cannot be reached or is in trouble.
            ActionRequired: it refuses, there is no repository, or no such branch.
        """
        import pygit2

        self._limit_silence()
        try:
            # A repository that exists in memory alone: nothing is cloned to look.
            remote = pygit2.Repository().remotes.create_anonymous(self.url)
            heads = {
                head.name: str(head.oid)
                for head in remote.list_heads(callbacks=self._callbacks(), proxy=True)
                if head.name is not None
            }
        except (pygit2.GitError, KeyError, OSError) as error:
            raise self._fault(error) from None
        if not heads:
            return None
        found = heads.get(self._reference())
        if found is None:
            raise self._no_branch(sorted(name[11:] for name in heads if name.startswith("refs/heads/")))
        return found

    def fetch(self, repository: "Repository", depth: int = 0, *, fresh: bool = False) -> None:
        """Bring the branch and what it reaches into a repository, as `refs/precedent/fetched`.

        Args:
            repository: Where to; it is left as it was where the fetch fails.
            depth: How many generations; 0: all that is missing.
            fresh: True if the repository is a new one, which cannot be the cause of a failure.

        Raises:
            Damaged: the repository cannot take it.
            RetryLater, ActionRequired: as for `head`.
        """
        import pygit2

        self._limit_silence()
        try:
            if "source" in repository.remotes.names():
                repository.remotes.delete("source")
            repository.remotes.create("source", self.url)
            # Tags would be fetched with everything that they alone reach.
            repository.config["remote.source.tagOpt"] = "--no-tags"
            repository.remotes["source"].fetch(
                [f"+{self._reference()}:{FETCHED}"], callbacks=self._callbacks(), proxy=True, depth=depth
            )
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            known = self._known_fault(error, repository.path)
            if known is not None:
                raise known from None
            if not fresh:
                raise Damaged(str(error)) from error
            raise self._fault(error) from None

    def _reference(self) -> str:
        return "HEAD" if self.branch is None else f"refs/heads/{self.branch}"

    def _limit_silence(self) -> None:
        import pygit2

        pygit2.settings.server_connect_timeout = int(self.timeout_s * 1000)
        pygit2.settings.server_timeout = int(self.timeout_s * 1000)

    def _no_branch(self, known: list[str]) -> ActionRequired:
        shown = ", ".join(known[:SHOWN_BRANCHES]) + (" and more" if len(known) > SHOWN_BRANCHES else "")
        wanted = "default branch" if self.branch is None else f"branch {self.branch!r}"
        return ActionRequired(
            "no_branch", f"{self.url} has no {wanted} (branches: {shown or 'none'}): name one of them."
        )

    def _fault(self, error: Exception) -> SourceFault:
        """What an error means to the owner of the source."""
        known = self._known_fault(error)
        if known is not None:
            return known
        return RetryLater("broken_answer", f"{self.url} breaks off ({scrub(str(error))}).", _later())

    def _known_fault(self, error: Exception, folder: str | None = None) -> SourceFault | None:
        import pygit2

        said = str(error)
        part = getattr(error, "error_class", 0)
        status = STATUS.search(said)
        if isinstance(error, pygit2.errors.AuthError) or "authentication replays" in said:
            return self.refused()
        if isinstance(error, pygit2.errors.CertificateError) or part == TLS:
            return ActionRequired("certificate", f"The identity of {self.url} cannot be trusted ({said}): check it.")
        if status is not None:
            return self._by_status(int(status[1]))
        if "invalid content-type" in said:
            return ActionRequired("not_git", f"{self.url} answers with a web page: give the URL to clone from.")
        if "failed to resolve path" in said or (self.local and folder is None and isinstance(error, KeyError)):
            return NotThere(f"There is no repository at {self.url}: check the path.", 404)
        if part == SSH and "auth" in said.lower():
            return self.refused()
        if folder is not None and part not in CONNECTION and STORAGE.search(said):
            return storage_fault(folder, said)
        if part in CONNECTION or (part == OS and "connect" in said):
            return RetryLater("unreachable", f"{self.url} cannot be reached ({said}).", _later())
        return None

    def refused(self) -> ActionRequired:
        """The fault of credentials that are missing or wrong."""
        given = "refuses the credentials" if self.auth else "asks for credentials"
        return ActionRequired("unauthorized", f"{self.url} {given}: give new ones with `precedent source set-key`.")

    def _by_status(self, status: int) -> SourceFault:
        if status == 401:
            return self.refused()
        if status in {404, 410}:
            return NotThere(
                f"There is no repository at {self.url}, or the credentials may not see it ({status}): check the URL.",
                status,
            )
        if status == 429:
            return RetryLater("rate_limited", f"{self.url} limits requests (429).", _later())
        if status >= 500:
            return RetryLater("server_error", f"{self.url} answers with {status}.", _later())
        code = "forbidden" if status == 403 else "refused"
        return ActionRequired(code, f"{self.url} refuses ({status}): check the permissions of the token.")

    def _callbacks(self) -> "RemoteCallbacks":
        """New ones for each conversation: credentials that were refused once are not tried again."""
        import pygit2

        remote = self

        class Callbacks(pygit2.RemoteCallbacks):
            tried = False

            def credentials(
                self, url: str, username_from_url: str | None, allowed_types: "CredentialType"
            ) -> "Username | UserPass | Keypair":
                if not remote.same_server(url):
                    raise ActionRequired(
                        "other_server", f"{remote.url} passes on to another server: give the URL that it moved to."
                    )
                if allowed_types & pygit2.enums.CredentialType.USERNAME:
                    return pygit2.Username(username_from_url or (remote.auth[0] if remote.auth else "git"))
                if self.tried:
                    raise remote.refused()
                self.tried = True
                if remote.auth and allowed_types & pygit2.enums.CredentialType.USERPASS_PLAINTEXT:
                    return pygit2.UserPass(*remote.auth)
                if allowed_types & pygit2.enums.CredentialType.SSH_KEY:
                    return pygit2.KeypairFromAgent(username_from_url or "git")
                raise remote.refused()

            def transfer_progress(self, stats: "TransferProgress") -> None:
                if remote.progress is not None:
                    remote.progress(stats.received_objects, stats.total_objects)

        return Callbacks()

    def same_server(self, url: str) -> bool:
        """True if another URL leads to the same server by the same protocol."""
        here, there = urlsplit(self.url), urlsplit(url)
        return (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)


def storage_fault(folder: object, said: object) -> ActionRequired:
    """The fault of a folder that cannot be written."""
    return ActionRequired("storage", f"The clone in {folder} cannot be written ({said}): check space and permissions.")


def _later() -> datetime:
    return datetime.now(UTC) + PAUSE_AFTER_TROUBLE
