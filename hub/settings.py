"""How a hub is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

# Beside Dagster's page, which has 3000.
DEFAULT_PORT = 3001
SIGN_IN = "/sign-in"


def sign_in_link(url: str, secret: str) -> str:
    """The address by which a person signs in, once.

    Args:
        url: Where the hub is reached.
        secret: What `sessions.add_link` has given.
    """
    return f"{url.rstrip('/')}{SIGN_IN}?{urlencode({'link': secret})}"


@dataclass(frozen=True, slots=True)
class HubSettings:
    """How a hub is reached.

    Attributes:
        host: The address that it listens on.
        port: The port.
        names: What else it is called, for example by a proxy before it.
        secure: Whether browsers reach it by TLS, its own or a proxy's: cookies are then for TLS alone.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    names: Sequence[str] = ()
    secure: bool = False

    @property
    def url(self) -> str:
        """What people type, without a slash at the end."""
        name = self.names[0] if self.names else self.host
        named = f"[{name}]" if ":" in name else name
        return f"{'https' if self.secure else 'http'}://{named}:{self.port}"
