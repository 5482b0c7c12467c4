"""Keeps what a server itself calls a source: a name that was given up can be taken by another one."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add one empty column, which the next sync of each source fills."""
    op.execute("ALTER TABLE sync_state ADD COLUMN IF NOT EXISTS identity TEXT")
