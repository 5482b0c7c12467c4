"""A repository on GitHub or GitHub Enterprise."""

from precedent.sources.kinds.github.connection import GitHubAuth
from precedent.sources.kinds.github.source import GitHubSource

__all__ = ["GitHubAuth", "GitHubSource"]
