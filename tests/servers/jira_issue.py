"""An issue that a loopback Jira holds."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any


@dataclass(slots=True)
class Held:
    """An issue: `fields` without comments, and what has been rendered of it."""

    key: str
    record: dict[str, Any]
    fields: dict[str, Any]
    comments: list[dict[str, Any]]
    created: datetime
    updated: datetime
    histories: list[dict[str, Any]] = field(default_factory=list)
    rendered: bytes | None = None

    def rank(self, order: tuple[tuple[str, bool], ...], projects: dict[str, int]) -> list[int]:
        """Where it stands in an order; `projects` numbers the projects."""
        project, _, number = self.key.rpartition("-")
        values = {
            "updated": int(self.updated.timestamp() * 1000),
            "created": int(self.created.timestamp() * 1000),
            "key": projects[project] * 10_000_000 + int(number),
        }
        return [-values[name] if descends else values[name] for name, descends in order]


def held_of(record: dict[str, Any]) -> Held:
    """A record of an archive; the comments that it has are all there are."""
    fields = {name: value for name, value in record["fields"].items() if name != "comment"}
    comments = list((record["fields"].get("comment") or {}).get("comments", ()))
    return Held(record["key"], record, fields, comments, read(fields["created"]), read(fields["updated"]))


def read(text: str) -> datetime:
    """A moment that Jira wrote, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def written(moment: datetime, zone: tzinfo) -> str:
    """A moment as Jira writes it, to the millisecond."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def information(base_url: str, flavour: str, clock: datetime, zone: tzinfo) -> dict[str, Any]:
    """What a server says of itself."""
    return {
        "baseUrl": base_url,
        "versionNumbers": [9, 12, 0],
        "deploymentType": "Cloud" if flavour == "cloud" else "Server",
        "serverTime": written(clock, zone),
    }
