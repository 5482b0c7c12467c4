"""A Dagster storage of a test's own on the session's server: nobody else's runs and events are in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg

from precedent.database.endpoints import Endpoints, dagster_role
from precedent.database.session import Database
from precedent.settings import Settings


@contextmanager
def dagster_home(database: Database, folder: Path) -> Iterator[tuple[Settings, Endpoints]]:
    """Settings with this folder as the home, and endpoints with an empty database for Dagster.

    What is written to the environment meanwhile is taken back; the database goes with the session's server.
    """
    name, before = f"dagster_{uuid4().hex[:12]}", dict(os.environ)
    owner = database.endpoints.owner.render_as_string(hide_password=False)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER {dagster_role('precedent')}")
    try:
        endpoints = replace(database.endpoints, dagster=database.endpoints.dagster.set(database=name))
        yield replace(Settings.from_environment(), home=folder), endpoints
    finally:
        os.environ.clear()
        os.environ.update(before)
