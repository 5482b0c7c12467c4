"""The JQL that is sent."""

import re

from precedent.errors import UsageError
from precedent.sources.kinds.jira.timezone import EVERYTHING, LowerBound

PROJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
QUOTED = re.compile(r'"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])*'", re.DOTALL)
ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


def scope(projects: tuple[str, ...], jql: str | None) -> str:
    """Which issues belong to a source; "" is all that the credentials may see.

    Args:
        projects: Project keys; none: all.
        jql: A condition of the user's own, in addition.

    Raises:
        UsageError: a key that is not valid, or a condition that orders or is not balanced.
    """
    clauses = []
    for project in projects:
        if not PROJECT.fullmatch(project):
            raise UsageError(f"{project!r} is no key of a Jira project: give the letters in front of its issues.")
    if projects:
        # Quoted, because a key may be a word of the query language, as AND is.
        keys = ", ".join(f'"{project}"' for project in projects)
        clauses.append(f"project in ({keys})")
    if jql and jql.strip():
        clauses.append(f"({_condition(jql.strip())})")
    return " AND ".join(clauses)


def changed_since(scope: str, lower: LowerBound) -> str:
    """Issues by their last change, oldest first."""
    changed = f'updated >= "{lower.text}"'
    return f"{scope + ' AND ' if scope else ''}{changed} ORDER BY updated ASC, key ASC"


def newest_change(scope: str) -> str:
    """Issues by their last change, newest first."""
    return f"{_bounded(scope)} ORDER BY updated DESC, key DESC"


def by_creation(scope: str) -> str:
    """Issues by their creation, which does not change while they are paged."""
    return f"{_bounded(scope)} ORDER BY created ASC, key ASC"


def _bounded(scope: str) -> str:
    # Cloud refuses a query without any condition.
    return scope or f'updated >= "{EVERYTHING.text}"'


def _condition(jql: str) -> str:
    bare = QUOTED.sub('""', jql)
    if ORDERED.search(bare):
        raise UsageError("The JQL of a source must not say ORDER BY: issues are read in the order of their changes.")
    depth = 0
    for character in bare.replace('""', ""):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or character in "\"'":
            break
    else:
        if depth == 0:
            return jql
    raise UsageError("The JQL of a source has a quotation mark or parenthesis without its other half: check it.")
