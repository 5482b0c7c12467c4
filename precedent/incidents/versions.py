"""What an analysis must have been made with to be up to date, tenant by tenant."""

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.incidents.analysis import analysis_version
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.runtime.endpoint import chain
from precedent.sources import schedule


class AnalysisVersions:
    """The versions of all tenants; a tenant's providers are read again only when its configuration has changed."""

    def __init__(self) -> None:
        # By tenant: the digest of its configuration, and the version that follows from it.
        self._known: dict[int, tuple[str, str]] = {}

    def current(self, database: Database) -> tuple[dict[int, str], dict[str, str]]:
        """The version of each tenant that has incidents.

        Returns:
            Versions by tenant id, and by tenant name why a version is unknown: a provider that cannot be used, for
            want of a library or with options of another release, stops no other tenant.
        """
        digests = repository.digests(database)
        found: dict[int, str] = {}
        unknown: dict[str, str] = {}
        for tenant_id in schedule.tenants_with_incidents(database):
            if tenant_id not in digests:
                continue  # a tenant that was added between the two statements
            name, digest = digests[tenant_id]
            known = self._known.get(tenant_id)
            if known is None or known[0] != digest:
                try:
                    endpoint = chain(database, tenant_id, Capability.TEXT_GENERATION)[0]
                except UsageError as error:
                    unknown[name] = str(error)
                    continue
                known = self._known[tenant_id] = (digest, analysis_version(endpoint))
            found[tenant_id] = known[1]
        return found, unknown
