"""Issues of a Jira: Cloud, Server and Data Center."""

from precedent.sources.kinds.jira.connection import JiraAuth
from precedent.sources.kinds.jira.source import JiraSource

__all__ = ["JiraAuth", "JiraSource"]
