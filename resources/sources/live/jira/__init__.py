"""Issues of a Jira: Cloud, Server and Data Center."""

from resources.sources.live.jira.connection import JiraAuth
from resources.sources.live.jira.source import JiraSource

__all__ = ["JiraAuth", "JiraSource"]
