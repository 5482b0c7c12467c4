"""All tables, made from an empty database."""

from alembic import op

from precedent.database.version import TABLES, run_files

revision = "0004"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; their functions and triggers follow after the newest revision."""
    run_files(op.get_bind(), TABLES)
