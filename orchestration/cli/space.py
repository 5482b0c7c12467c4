"""`space`: which vectors search uses, and which are built beside them."""

from dataclasses import dataclass
from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from precedent.tenants.tenants import DEFAULT_TENANT
from precedent.vectors import index as vector_index
from precedent.vectors import promotion
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

app = typer.Typer(
    help="Spaces: the vectors of one model; search uses one, a new one is built beside it.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(metavar="SPACE", help="The number that `precedent space list` shows.")]


@dataclass(frozen=True, slots=True)
class SpaceLine:
    """A space as it is listed; coverage 0 to 1."""

    space: int
    status: str
    held: bool
    provider: str
    model: str
    revision: str
    dimensions: int
    precision: str
    preprocessing: str
    cut: str
    vectors: int
    coverage: float
    index: str
    promoted_at: str | None
    lacks: list[str]

    def cells(self) -> list[object]:
        """The line as people see it."""
        return [
            str(self.space),
            self.status + (" (held)" if self.held else ""),
            self.model,
            self.dimensions,
            self.precision + (", masked" if "/masked" in self.preprocessing else ""),
            self.vectors,
            f"{self.coverage:.1%}" if self.status != "retired" else "",
            self.index,
            self.promoted_at or "",
            "; ".join(self.lacks),
        ]


@app.command("list")
def list_spaces(tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """List a tenant's spaces, with what those that search does not use still lack."""
    with precedent.open() as platform, platform.database.bulk(platform.tenant(tenant).id) as connection:
        lines = [
            _line(space, promotion.readiness(connection, space), vector_index.state(connection, space.id))
            for space in spaces.list(connection)
        ]
    if json:
        output.emit(lines)
        return
    if not lines:
        output.say("Nothing is embedded yet: add a source, then run `precedent refresh`.")
        return
    columns = ["space", "status", "model", "dimensions", "precision", "vectors", "coverage", "index", "since", "lacks"]
    output.table(f"Spaces of {tenant}", columns, [line.cells() for line in lines])


@app.command("promote")
def promote(
    number: Number,
    tenant: Tenant = DEFAULT_TENANT,
    force: Annotated[bool, typer.Option("--force", help="Also where vectors or reports are missing.")] = False,
    json: Json = False,
) -> None:
    """Make search use a space from the next query on."""
    with precedent.open() as platform:
        owner = platform.tenant(tenant)
        with platform.database.bulk(owner.id) as connection:
            space = promotion.promote(connection, owner.id, number, force=force)
    _show(space, f"Search of {tenant} now uses space {space.id} ({space.profile.model}).", json=json)


@app.command("rollback")
def rollback(tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """Go back to the space that search used before."""
    with precedent.open() as platform:
        owner = platform.tenant(tenant)
        with platform.database.bulk(owner.id) as connection:
            space = promotion.rollback(connection, owner.id)
    text = (
        f"Search of {tenant} is back at space {space.id} ({space.profile.model}). Set the embedding provider back as "
        "well, so that new documents reach it; the other space is held until `precedent space promote` names it."
    )
    _show(space, text, json=json)


@app.command("retire")
def retire(number: Number, tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """Drop the vectors of a space that search does not use."""
    with precedent.open() as platform:
        owner = platform.tenant(tenant)
        with platform.database.bulk(owner.id) as connection:
            space = promotion.retire(connection, owner.id, number)
    _show(space, f"Space {space.id} ({space.profile.model}) is retired: its vectors are gone.", json=json)


def _line(space: Space, ready: promotion.Readiness, index: vector_index.IndexState) -> SpaceLine:
    profile = space.profile
    waiting = space.status in ("building", "previous")
    return SpaceLine(
        space=space.id,
        status=space.status,
        held=space.held,
        provider=profile.provider,
        model=profile.model,
        revision=profile.model_fingerprint,
        dimensions=profile.dimensions,
        precision=profile.precision,
        preprocessing=profile.preprocessing,
        cut=profile.cut,
        vectors=index.rows,
        coverage=round(ready.coverage, 4),
        index="hnsw" if index.exists else "exact" if index.rows else "",
        promoted_at=space.promoted_at.strftime("%Y-%m-%d %H:%M") if space.promoted_at else None,
        lacks=ready.lacks if waiting else [],
    )


def _show(space: Space, text: str, *, json: bool) -> None:
    if json:
        output.emit({"space": space.id, "status": space.status, "model": space.profile.model})
    else:
        output.say(text)
