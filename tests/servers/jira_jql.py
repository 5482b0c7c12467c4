"""As much of Jira's query language as the live source and its users' conditions say."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

TOKEN = re.compile(r'\s*(?:("(?:\\.|[^"\\])*")|(>=|<=|!=|=|[(),])|([\w.-]+))')
MINUTE = "%Y-%m-%d %H:%M"

# Takes what has `fields`, `updated` and `created`.
Test = Callable[[Any], bool]


class JqlError(Exception):
    """A query that Jira refuses, with its sentence."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which issues, and in which order: pairs of a field and whether it descends; `bounded` if it has a condition."""

    test: Test
    order: tuple[tuple[str, bool], ...]
    bounded: bool


class Parser:
    """Reads one query; times are on the clock of `zone`.

    Args:
        jql: The query.
        projects: Keys that exist.
        zone: The time zone of the user who asks.
        fold: Which moment a minute means that the clock shows twice: 0 the earlier, 1 the later.
    """

    def __init__(self, jql: str, projects: Collection[str], zone: ZoneInfo, fold: int = 0) -> None:
        self._tokens = list(_tokens(jql))
        self._projects = projects
        self._zone = zone
        self._fold = fold

    def query(self) -> Query:
        """The whole query."""
        bounded = bool(self._tokens) and not self._peek_word("order")
        test = self._any() if bounded else lambda _: True
        order: list[tuple[str, bool]] = []
        if self._peek_word("order"):
            self._next()
            self._expect("by")
            while True:
                field = self._next().lower()
                if field not in {"updated", "created", "key"}:
                    raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")
                descends = self._peek_word("desc")
                if descends or self._peek_word("asc"):
                    self._next()
                order.append((field, descends))
                if self._peek() != ",":
                    break
                self._next()
        if self._tokens:
            raise JqlError(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{self._tokens[0]}'.")
        return Query(test, tuple(order), bounded)

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek_word("or"):
            self._next()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda issue: any(test(issue) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek_word("and"):
            self._next()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda issue: all(test(issue) for test in tests)

    def _one(self) -> Test:
        field = self._next()
        if field == "(":
            test = self._any()
            self._expect(")")
            return test
        operator = self._next()
        match field.lower(), operator.lower():
            case "project", "in" | "=":
                keys = frozenset(self._values() if operator.lower() == "in" else [self._value()])
                for key in sorted(keys - set(self._projects)):
                    raise JqlError(f"The value '{key}' does not exist for the field 'project'.")
                return lambda issue: issue.fields["project"]["key"] in keys
            case ("updated" | "created") as name, ">=":
                bound = self._moment(name)
                return lambda issue: bool(getattr(issue, name) >= bound)
            case "labels", "=":
                label = self._value()
                return lambda issue: label in (issue.fields.get("labels") or ())
            case _:
                raise JqlError(f"Field '{field}' does not exist or you do not have permission to view it.")

    def _moment(self, name: str) -> datetime:
        value = self._value()
        try:
            return datetime.strptime(value, MINUTE).replace(tzinfo=self._zone, fold=self._fold).astimezone(UTC)
        except ValueError:
            raise JqlError(f"Date value '{value}' for field '{name}' is invalid.") from None

    def _values(self) -> list[str]:
        self._expect("(")
        values = [self._value()]
        while (separator := self._next()) == ",":
            values.append(self._value())
        if separator != ")":
            raise JqlError(f"Error in the JQL Query: Expecting ')' but got '{separator}'.")
        return values

    def _value(self) -> str:
        token = self._next()
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _peek_word(self, word: str) -> bool:
        return self._peek().lower() == word

    def _next(self) -> str:
        if not self._tokens:
            raise JqlError("Error in the JQL Query: the query ends too early.")
        return self._tokens.pop(0)

    def _expect(self, word: str) -> None:
        token = self._next()
        if token.lower() != word:
            raise JqlError(f"Error in the JQL Query: Expecting '{word}' but got '{token}'.")


def _tokens(jql: str) -> list[str]:
    found, position = [], 0
    jql = jql.rstrip()
    while position < len(jql):
        match = TOKEN.match(jql, position)
        if match is None:
            raise JqlError(f"Error in the JQL Query: The character '{jql[position]}' is a reserved JQL character.")
        found.append(match.group(1) or match.group(2) or match.group(3))
        position = match.end()
    return found
