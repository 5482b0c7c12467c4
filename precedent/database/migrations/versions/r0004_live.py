"""Live sources: state per stream, what a tick of a sensor reads at once, and the indexes that both need."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add cursors and states of streams to `sync_state`; a source that was read before stays as it was read."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute((Path(__file__).parent / "0004_live.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: a restored backup is the way back."""
    raise NotImplementedError("Restore a backup instead: going back would drop the cursors of live sources.")
