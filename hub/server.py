"""Serves the hub until a signal."""

import contextlib
import logging
import os
import pwd
import signal
import sys
from collections.abc import Callable

from hub.gate.hosts import is_loopback, is_taken
from hub.settings import HubSettings, sign_in_link
from precedent.access import members, sessions
from precedent.errors import PrecedentError, UsageError
from precedent.platform import Platform


def first_link(platform: Platform, settings: HubSettings) -> str | None:
    """The link by which the first administrator signs in; None where there is an administrator already."""
    if members.list(platform.database, None):
        return None
    name = pwd.getpwuid(os.getuid()).pw_name
    members.save(platform.database, None, name, "platform")
    return sign_in_link(settings.url, sessions.add_link(platform.database, name))


def serve(platform: Platform, settings: HubSettings, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; what was begun is answered first.

    Args:
        platform: The open platform.
        settings: How the hub is reached.
        say: Prints a line for the person at the terminal.

    Raises:
        UsageError: it would be reached from other machines without TLS.
        PrecedentError: something listens there.
    """
    import uvicorn

    from hub.application import create

    if not is_loopback(settings.host) and not settings.secure:
        raise UsageError(
            f"{settings.host} can be reached from other machines, and cookies and tokens would travel in clear: put a "
            "proxy with TLS before it and say --tls-proxy, or stay with 127.0.0.1."
        )
    if is_taken(settings.host, settings.port):
        raise PrecedentError(f"Port {settings.port} of {settings.host} is taken: choose another with --port.")
    handler = logging.StreamHandler(sys.stderr)
    requests = logging.getLogger("hub.requests")
    requests.addHandler(handler)
    requests.setLevel(logging.INFO)
    requests.propagate = False
    link = first_link(platform, settings)
    say(f"The hub answers at {settings.url}  (stop with Ctrl-C)")
    if link:
        say(f"Sign in as the first administrator, once, within a day: {link}")
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server ends by itself at a signal and then sends it again, which would end the process before it has
        # given the database back.
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.run(
            create(platform, settings),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=10,
        )
