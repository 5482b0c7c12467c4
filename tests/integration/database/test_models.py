"""What the code says of the tables is what the database has: the models, and the statements written as SQL."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Table, create_engine, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn

from precedent.database.models import Base
from precedent.database.session import Database

LIBRARY = Path(__file__).resolve().parents[3] / "precedent"
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE TEMP TABLE)\s")
PARAMETER = re.compile(r"%\((\w+)\)s|(?<![:\w]):(?=[a-z])(\w+)|%s")
# The rows that `prune` gives to the statements which remove them.
PAGE = "id bigint, bytes bigint, had_document boolean, space_id bigint, content_hash bytea"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"


@pytest.mark.parametrize("table", Base.metadata.sorted_tables, ids=lambda table: table.name)
def test_a_model_says_what_the_table_is(database: Database, table: Table) -> None:
    engine = create_engine(database.endpoints.owner.set(drivername="postgresql+psycopg"))
    inspector = inspect(engine)
    has = {
        column["name"]: (column["type"].compile(engine.dialect), column["nullable"], _fills_itself(column))
        for column in inspector.get_columns(table.name)
    }
    said = {
        column.name: (column.type.compile(engine.dialect), column.nullable, column.server_default is not None)
        for column in table.columns
    }
    assert said == has
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    assert {column.name for column in table.primary_key} == set(key)
    engine.dispose()


def _fills_itself(column: ReflectedColumn) -> bool:
    return column["default"] is not None or "identity" in column


def statements() -> Iterator[tuple[str, str]]:
    """Every statement in the library that is one literal without a place to fill in, and where it stands."""
    for file in sorted(LIBRARY.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in ast.walk(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in pieces:
                continue
            if STATEMENT.match(node.value) and not re.search(r"\{\w*\}", node.value):
                yield f"{file.relative_to(LIBRARY)}:{node.lineno}", node.value


def with_numbers(statement: str) -> str:
    """The statement with PostgreSQL's own parameters, $1 and so on."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1] or match[2] or f"the one at {match.start()}"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return PARAMETER.sub(number, statement).replace("%%", "%")


def test_statements_name_only_tables_columns_and_functions_that_exist(owner_dsn: str) -> None:
    wrong, right = [], 0
    with psycopg.connect(owner_dsn) as connection:
        tables = re.compile("|".join(rf"\b{name}\b" for (name,) in connection.execute(TABLES)))
        connection.execute(f"CREATE TEMP TABLE page ({PAGE})")
        for _, statement in statements():
            if "CREATE TEMP TABLE" in statement:
                connection.execute(statement)
        for place, statement in statements():
            if "CREATE TEMP TABLE" in statement or not tables.search(statement):
                continue
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(f"PREPARE asked AS {with_numbers(statement)}")
                    connection.execute("DEALLOCATE asked")
                right += 1
            except psycopg.errors.IndeterminateDatatype:
                right += 1  # everything that it names was found, only a parameter's type needs a value
            except psycopg.Error as error:
                if "missing FROM-clause entry" not in str(error):  # a part of another statement
                    wrong.append((place, str(error)))
        connection.rollback()
    assert wrong == []
    assert right > 50, "statements are found and checked"
