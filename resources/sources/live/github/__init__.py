"""A repository on GitHub or GitHub Enterprise."""

from resources.sources.live.github.connection import GitHubAuth
from resources.sources.live.github.source import GitHubSource

__all__ = ["GitHubAuth", "GitHubSource"]
