"""What a result must be: conditions that both legs of search share."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """What a result must be; empty means anything.

    `before` keeps documents created before that moment; `exclude` drops external ids.
    """

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    before: datetime | None = None
    exclude: tuple[str, ...] = ()

    @property
    def selective(self) -> bool:
        """Whether more is asked for than that a few documents be left out: then filters go before nearness."""
        return bool(self.kinds or self.sources or self.before)

    def sql(self) -> tuple[str, dict[str, object]]:
        """A condition on `documents d` and its parameters."""
        terms, values = ["true"], dict[str, object]()
        if self.kinds:
            terms.append("d.kind = ANY(%(kinds)s)")
            values["kinds"] = list(self.kinds)
        if self.sources:
            terms.append("d.source_id IN (SELECT id FROM integrations WHERE name = ANY(%(sources)s))")
            values["sources"] = list(self.sources)
        if self.before is not None:
            terms.append("d.created_at < %(before)s")
            values["before"] = self.before
        if self.exclude:
            terms.append("d.external_id <> ALL(%(exclude)s)")
            values["exclude"] = list(self.exclude)
        return " AND ".join(terms), values
