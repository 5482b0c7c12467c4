"""The certificates that servers are checked against, read once a process: to read them takes 15 ms, a look 5 ms."""

from functools import lru_cache
from ssl import SSLContext


@lru_cache(maxsize=1)
def trusted() -> SSLContext:
    """What httpx trusts by default, `SSL_CERT_FILE` and `SSL_CERT_DIR` included."""
    import httpx

    return httpx.create_ssl_context()
