"""The PostgreSQL that comes with the platform."""

from precedent.database.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
