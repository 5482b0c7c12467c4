"""The `precedent` command."""

from orchestration.cli.main import main, run

__all__ = ["main", "run"]
