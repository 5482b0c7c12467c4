"""The sources that tenants have added: their rows, and opening them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from precedent.database.models import DataSource
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.http.client import HttpOptions
from precedent.security.addresses import check_address
from precedent.security.credentials import sealed, unsealed
from precedent.settings import Settings
from precedent.sources import registry, schedule
from precedent.sources.kind import SourceContext
from precedent.sources.source import FileSource, LiveSource
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy

DELETE = "DELETE FROM integrations WHERE id = %s AND type = 'data_source'"
NO_SECRETS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as its assets need it; `key` is its Dagster partition, `stored` its credentials as they are kept."""

    id: int
    tenant_id: int
    tenant: str
    name: str
    kind: str
    configuration: dict[str, Any]
    is_active: bool = True
    revision: int = 1
    stored: str | None = field(default=None, repr=False)

    @property
    def live(self) -> bool:
        """True if it is a server that is asked again and again."""
        return registry.configuration_of(self.kind, self.configuration).live

    @property
    def key(self) -> str:
        """`tenant/name`."""
        return f"{self.tenant}/{self.name}"


def split_key(key: str) -> tuple[str, str]:
    """Tenant and source name of `tenant/source`; a bare name belongs to the default tenant.

    Raises:
        UsageError: the key has another form.
    """
    tenant, slash, name = key.partition("/")
    if not slash:
        tenant, name = tenancy.DEFAULT_TENANT, key
    if not tenant or not name or "/" in name:
        raise UsageError(f"{key!r} does not name a source: write TENANT/SOURCE, e.g. default/jira.")
    return tenant, name


def add(
    database: Database,
    tenant: str,
    name: str,
    kind: str,
    configuration: dict[str, Any],
    secrets: Mapping[str, str] = NO_SECRETS,
    *,
    test: bool = False,
) -> SourceRow:
    """Add a source after checking that it can be opened.

    Args:
        database: The database.
        tenant: The tenant's name.
        name: The source's name.
        kind: Its kind.
        configuration: What the kind is configured with, see `SourceKind.configuration`.
        secrets: Its credentials; kept encrypted, bound to its row.
        test: Ask a live source once before anything is saved.

    Raises:
        UsageError: a bad name, an unknown kind, a configuration that does not fit it, or the name is taken.
        SourceError: there is nothing to read, or the server does not answer as it should.
    """
    owner = tenancy.get(database, tenant)
    tenancy.check_name(name, "source")
    checked = registry.configuration_of(kind, configuration)
    if checked.address:
        allowed = policies.get(database, owner.id).allow_private_addresses
        check_address(checked.address, allow_private=allowed, what="source")
    check(open_with(kind, configuration, secrets), ask=test)
    try:
        with database.tenant(owner.id) as session:
            values = checked.model_dump(mode="json", exclude_unset=True)
            row = DataSource(tenant_id=owner.id, name=name, provider=kind, configuration=values, description=None)
            session.add(row)
            session.flush()
            row.credentials = sealed(Settings.from_environment(), secrets, tenant_id=owner.id, row_id=row.id)
            session.flush()
            found = _row(row, owner)
    except IntegrityError as error:
        raise UsageError(
            f"{tenant} has a source {name!r} already: choose another name, or remove it with "
            f"`precedent source remove {tenant}/{name}`."
        ) from error
    return found


def opened(source: SourceRow, name: str | None = None, *, conditional: bool = True) -> FileSource | LiveSource:
    """The source, with its credentials; a live one is not asked anything yet.

    Args:
        source: Its row.
        name: What ids began with at the last sync, see `Probe.name`.
        conditional: False to ask for everything anew, whatever the server calls unchanged.

    Raises:
        UsageError: an unusable kind, or a configuration of another version.
        SourceError: files that are not there.
        SecretError: credentials that cannot be decrypted.
    """
    settings = Settings.from_environment()
    secrets = unsealed(settings, source.stored, tenant_id=source.tenant_id, row_id=source.id)
    return open_with(source.kind, source.configuration, secrets, name=name, number=source.id, conditional=conditional)


def open_with(
    kind: str,
    values: Mapping[str, Any],
    secrets: Mapping[str, str] = NO_SECRETS,
    *,
    name: str | None = None,
    number: int | None = None,
    conditional: bool = True,
) -> FileSource | LiveSource:
    """A source as it would be configured; a live one is not asked anything yet.

    Args:
        kind: Its kind.
        values: Its configuration.
        secrets: Its credentials: `api_key`, or the `private_key` of an App.
        name: What ids began with at the last sync.
        number: The source's id; without one it can be probed only.
        conditional: False to ask for everything anew, whatever the server calls unchanged.

    Raises:
        UsageError: an unusable kind, or a configuration that does not fit it.
        SourceError: files that are not there.
    """
    settings = Settings.from_environment()
    context = SourceContext(
        folder=_folder(settings.home, number),
        key=secrets.get("api_key") or secrets.get("private_key"),
        name=name,
        max_body_bytes=settings.max_body_bytes,
        http=HttpOptions(conditional=conditional),
    )
    source: FileSource | LiveSource = registry.get(kind).open(registry.configuration_of(kind, values), context)
    return source


def check(source: FileSource | LiveSource, *, ask: bool = True) -> None:
    """Probe a live source once, unless it is not to be asked, and close it.

    Raises:
        SourceError: it does not answer as it should.
    """
    if not isinstance(source, LiveSource):
        return
    try:
        if ask:
            source.probe()
    finally:
        source.close()


def set_key(database: Database, key: str, secrets: Mapping[str, str], *, test: bool = True) -> SourceRow:
    """Give a live source other credentials; none where `secrets` is empty. Its next sync begins at once.

    Raises:
        NotFoundError: no such source.
        SourceError: with `test`, the server does not take them; nothing is saved.
    """
    source = get(database, key)
    if test:
        check(open_with(source.kind, source.configuration, secrets))
    stored = sealed(Settings.from_environment(), secrets, tenant_id=source.tenant_id, row_id=source.id)
    return _change(database, source, credentials=stored)


def set_paused(database: Database, key: str, *, paused: bool) -> SourceRow:
    """Make sensors and schedules leave a source alone, or ask it again; its rows stay and are found either way."""
    return _change(database, get(database, key), is_active=not paused)


def _change(database: Database, source: SourceRow, **values: Any) -> SourceRow:
    with database.tenant(source.tenant_id) as session:
        session.execute(
            update(DataSource)
            .where(DataSource.id == source.id)
            .values(revision=DataSource.revision + 1, updated_at=func.now(), **values)
        )
    return get(database, source.key)


def _row(row: DataSource, owner: tenancy.TenantRow) -> SourceRow:
    return SourceRow(
        id=row.id,
        tenant_id=owner.id,
        tenant=owner.name,
        name=row.name,
        kind=row.provider,
        configuration=dict(row.configuration),
        is_active=row.is_active,
        revision=row.revision,
        stored=row.credentials,
    )


def get(database: Database, key: str) -> SourceRow:
    """The source of a partition key.

    Raises:
        NotFoundError: no such tenant or source.
    """
    tenant, name = split_key(key)
    owner = tenancy.get(database, tenant)
    with database.tenant(owner.id) as session:
        row = session.scalar(select(DataSource).where(DataSource.name == name))
        if row is None:
            known = ", ".join(session.scalars(select(DataSource.name).order_by(DataSource.name))) or "none yet"
            raise NotFoundError(
                f"{tenant} has no source {name!r} (known: {known}): add it with `precedent source add`."
            )
        return _row(row, owner)


def delete(database: Database, key: str) -> SourceRow:
    """Delete a source with all its rows and its folder; the vectors that nothing else refers to go to the cache."""
    from precedent.vectors import expiry  # numpy takes long to import

    source = get(database, key)
    with database.bulk(source.tenant_id) as connection:
        connection.execute(DELETE, (source.id,))
        expiry.keep_unused(connection)
    folder = _folder(Settings.from_environment().home, source.id)
    for left in (folder, *folder.parent.glob(f".{folder.name}.*")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    return source


def list_keys(database: Database) -> list[tuple[str, int]]:
    """Partition key and tenant of every source, in one round trip."""
    return [(source.key, source.tenant_id) for source in schedule.sources(database)]


def _folder(home: Path, number: int | None) -> Path:
    """Where a source keeps files of its own."""
    return home / "clones" / str(number or "none")
