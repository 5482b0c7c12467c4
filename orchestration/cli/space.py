"""`space`: which vectors search uses, and which are built beside them."""

from dataclasses import dataclass
from typing import Annotated

import typer

from orchestration.cli.output import console, print_json, print_table
from orchestration.cli.tenant import Json, Tenant
from precedent.database.session import Database
from precedent.tenants import tenants as tenancy
from precedent.tenants.tenants import DEFAULT_TENANT
from precedent.vectors import index as vector_index
from precedent.vectors import promotion
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

app_spaces = typer.Typer(help="Spaces: the vectors of one model; search uses one, a new one is built beside it.")
Number = Annotated[int, typer.Argument(metavar="SPACE", help="The number that `precedent space list` shows.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(app_spaces, name="space", no_args_is_help=True)


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


@app_spaces.command("list")
def space_list(tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """List a tenant's spaces, with what those that search does not use still lack."""
    database = Database.open()
    owner = tenancy.get(database, tenant)
    with database.bulk(owner.id) as connection:
        lines = []
        for space in spaces.list(connection):
            ready = promotion.readiness(connection, space)
            index = vector_index.state(connection, space.id)
            lines.append(_line(space, ready, index))
    if json:
        print_json(lines)
        return
    if not lines:
        console.print("Nothing is embedded yet: add a source, then run `precedent refresh`.")
        return
    columns = ["space", "status", "model", "dimensions", "precision", "vectors", "coverage", "index", "since", "lacks"]
    rows = [
        [
            str(line.space), line.status + (" (held)" if line.held else ""), line.model, line.dimensions,
            line.precision + (", masked" if "/masked" in line.preprocessing else ""), line.vectors,
            f"{line.coverage:.1%}" if line.status != "retired" else "",
            line.index, line.promoted_at or "", "; ".join(line.lacks),
        ]
        for line in lines
    ]  # fmt: skip
    print_table(f"Spaces of {tenant}", columns, rows)


def _line(space: Space, ready: promotion.Readiness, index: vector_index.IndexState) -> SpaceLine:
    profile = space.profile
    waiting = space.status in ("building", "previous")
    return SpaceLine(
        space=space.id, status=space.status, held=space.held, provider=profile.provider, model=profile.model,
        revision=profile.model_fingerprint, dimensions=profile.dimensions, precision=profile.precision,
        preprocessing=profile.preprocessing, cut=profile.cut, vectors=index.rows, coverage=round(ready.coverage, 4),
        index="hnsw" if index.exists else "exact" if index.rows else "",
        promoted_at=space.promoted_at.strftime("%Y-%m-%d %H:%M") if space.promoted_at else None,
        lacks=ready.lacks if waiting else [],
    )  # fmt: skip


@app_spaces.command("promote")
def space_promote(
    number: Number,
    tenant: Tenant = DEFAULT_TENANT,
    force: Annotated[bool, typer.Option("--force", help="Also where vectors or reports are missing.")] = False,
    json: Json = False,
) -> None:
    """Make search use a space from the next query on."""
    database = Database.open()
    owner = tenancy.get(database, tenant)
    with database.bulk(owner.id) as connection:
        space = promotion.promote(connection, owner.id, number, force=force)
    _say(space, f"Search of {tenant} now uses space {space.id} ({space.profile.model}).", json=json)


@app_spaces.command("rollback")
def space_rollback(tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """Go back to the space that search used before."""
    database = Database.open()
    owner = tenancy.get(database, tenant)
    with database.bulk(owner.id) as connection:
        space = promotion.rollback(connection, owner.id)
    text = (
        f"Search of {tenant} is back at space {space.id} ({space.profile.model}). Set the embedding provider back as "
        "well, so that new documents reach it; the other space is held until `precedent space promote` names it."
    )
    _say(space, text, json=json)


@app_spaces.command("retire")
def space_retire(number: Number, tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """Drop the vectors of a space that search does not use."""
    database = Database.open()
    owner = tenancy.get(database, tenant)
    with database.bulk(owner.id) as connection:
        space = promotion.retire(connection, owner.id, number)
    _say(space, f"Space {space.id} ({space.profile.model}) is retired: its vectors are gone.", json=json)


def _say(space: Space, text: str, *, json: bool) -> None:
    if json:
        print_json({"space": space.id, "status": space.status, "model": space.profile.model})
    else:
        console.print(text, soft_wrap=True)
