"""Why a server was not reached, in a sentence: SDKs say "Connection error." of whatever happened."""

import socket
import ssl
from collections.abc import Iterator

LONGEST_CHAIN = 8
PORTS = {"http": 80, "https": 443}
# The names of the transport's errors, where no error of the system is behind them.
BY_NAME = {
    "ConnectTimeout": "gave no connection in time",
    "ReadTimeout": "gave no answer in time",
    "WriteTimeout": "took the request too slowly",
    "RemoteProtocolError": "closed the connection before its answer was whole",
}


def unreachable(error: BaseException) -> str | None:
    """A sentence with the server's host, port and the reason; None where another error is the more telling one.

    Of the address nothing else is said: a path or a user may hold a secret.
    """
    links = list(chain(error))
    reason = next((said for link in reversed(links) if (said := _reason(link)) is not None), None)
    if reason is None or not any(_is_of_transport(link) for link in links):
        return None
    return f"The server{_at(links)} {reason}."


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from: an SDK's own error has the transport's behind it, that one the system's."""
    link: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _is_of_transport(link: BaseException) -> bool:
    if isinstance(link, ConnectionError | socket.gaierror | ssl.SSLError):
        return True
    return type(link).__module__.startswith(("httpx", "httpcore"))


def _reason(link: BaseException) -> str | None:
    match link:
        case socket.gaierror():
            return f"has a name for which there is no address ({link.strerror})"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not accepted ({link.verify_message})"
        case ssl.SSLError():
            return f"does not speak TLS as it should ({link.reason or 'no reason given'})"
        case ConnectionRefusedError():
            return "refuses connections"
        case ConnectionResetError() | BrokenPipeError():
            return "closed the connection"
        case TimeoutError():
            return None  # the transport says of what
        case OSError() if link.errno is not None and link.strerror:
            return f"cannot be reached ({link.strerror})"
    return BY_NAME.get(type(link).__name__)


def _at(links: list[BaseException]) -> str:
    """Where the request went, as far as the transport's error knows."""
    for link in links:
        try:
            url = link.request.url  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):
            continue
        return f" {url.host}:{url.port or PORTS.get(url.scheme, '')}"
    return ""
