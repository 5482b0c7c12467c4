"""What a result must be: conditions that both legs of search share."""

from dataclasses import dataclass, fields
from datetime import datetime

SOURCES = "SELECT i.id FROM integrations i WHERE i.name = ANY(%(sources)s)"
FOLDED = "SELECT lower(word) FROM unnest(%({})s::text[]) word"
SAID_BEFORE = "SELECT FROM comments m WHERE m.id = c.comment_id AND m.created_at < %(before)s"
EXCLUDED = "SELECT x.id FROM documents x WHERE x.external_id = ANY(%(exclude)s)"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a result must be; empty means anything, several values of one field mean any of them.

    States, labels and authors are compared without regard to case.

    Attributes:
        kinds: `issue`, `pull_request`, `commit`, `incident`.
        sources: Names of sources.
        states: As the source says it: `open`, `Closed`, `resolved`.
        labels: The document has one of these.
        authors: The document's author is one of these.
        before: Created before this moment; a document without a date is left out.
        after: Created at this moment or later.
        updated_since: Changed at this moment or later.
        exclude: External ids that are left out.
    """

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    before: datetime | None = None
    after: datetime | None = None
    updated_since: datetime | None = None
    exclude: tuple[str, ...] = ()

    @property
    def selective(self) -> bool:
        """True if the filters do more than leave out some ids: they then apply before nearness."""
        lists = self.kinds or self.sources or self.states or self.labels or self.authors
        return bool(lists or self.before or self.after or self.updated_since)

    def sql(self, key: str = "d.id", *, folded: bool = False) -> tuple[str, dict[str, object]]:
        """A condition on a table `d` of documents or their words, and its parameters.

        Args:
            key: The column of `d` that holds the document's id.
            folded: States, labels and authors are kept in lower case there.
        """
        terms, values = ["true"], dict[str, object]()
        state, author, labels = (
            ("d.state", "d.author", "d.labels")
            if folded
            else ("lower(d.state)", "lower(d.author)", "lower(d.labels::text)::text[]")
        )

        # Arrays that are made once: neither leg asks another table, or folds a word, per row.
        def add(name: str, value: object, term: str) -> None:
            if value:
                terms.append(term)
                values[name] = value

        add("kinds", list(self.kinds), "d.kind = ANY(%(kinds)s)")
        add("sources", list(self.sources), f"d.source_id = ANY(ARRAY({SOURCES}))")
        add("states", list(self.states), f"{state} = ANY(ARRAY({FOLDED.format('states')}))")
        add("labels", list(self.labels), f"{labels} && ARRAY({FOLDED.format('labels')})")
        add("authors", list(self.authors), f"{author} = ANY(ARRAY({FOLDED.format('authors')}))")
        add("before", self.before, "d.created_at < %(before)s")
        add("after", self.after, "d.created_at >= %(after)s")
        add("updated_since", self.updated_since, "d.updated_at >= %(updated_since)s")
        add("exclude", list(self.exclude), f"{key} <> ALL(ARRAY({EXCLUDED}))")
        return " AND ".join(terms), values

    @property
    def said(self) -> str:
        """A condition on passages `c`: what was said on an item after `before` was not known then."""
        return f"(c.comment_id IS NULL OR EXISTS ({SAID_BEFORE}))" if self.before else "true"

    def values(self) -> dict[str, object]:
        """Every filter by its name, as parameters; None for one that is empty."""
        found = {field.name: getattr(self, field.name) or None for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
