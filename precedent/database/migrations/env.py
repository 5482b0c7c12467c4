"""Alembic's entry: runs on the connection that `setup` hands over."""

from alembic import context

from precedent.database.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
