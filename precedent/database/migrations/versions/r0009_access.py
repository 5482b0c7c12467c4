"""Members, tokens, sessions and the audit log."""

import sqlalchemy as sa
from alembic import op

from precedent.database.version import run_files

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables where the initial revision has not; no row is touched."""
    if not sa.inspect(op.get_bind()).has_table("audit_log"):
        run_files(op.get_bind(), "schema/tables/08_access.sql")
