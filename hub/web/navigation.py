"""Where a person can go: five groups, by what one comes for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of a tenant.

    Attributes:
        title: What it is called.
        path: Behind the tenant's address.
    """

    title: str
    path: str


GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("Respond", (Entry("Home", ""), Entry("Incidents", "/incidents"), Entry("Search", "/search"))),
    ("Data", (Entry("Sources", "/sources"),)),
    ("AI configuration", (Entry("Provider management", "/providers"), Entry("Usage and costs", "/usage"))),
    ("Settings", (Entry("Members", "/members"), Entry("Tokens", "/tokens"), Entry("Audit", "/audit"))),
)


def address(tenant: str, path: str = "") -> str:
    """The address of a page."""
    return f"/t/{tenant}{path}"
