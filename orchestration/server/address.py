"""Where the web page is."""

import http.client
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from hub.gate.hosts import is_unspecified


@dataclass(frozen=True, slots=True)
class Address:
    """Where the web page is reached, and by whom.

    Attributes:
        host: The address to listen on.
        port: The port.
        names: What else the server is called.
        login: Whether a token is asked for.
    """

    host: str
    port: int
    names: Sequence[str] = ()
    login: bool = False

    @property
    def url(self) -> str:
        """The page for people, without a slash at the end."""
        host = socket.gethostname() if is_unspecified(self.host) else self.host
        name = self.names[0] if self.names else host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}"

    def answers(self) -> bool:
        """True if a web server answers there, whatever it says."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request("GET", "/server_info")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True
