"""The first release's tables, row-level security and the space partitions' door."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parent


def upgrade() -> None:
    """Create everything from an empty database."""
    for name in ("0001_initial.sql", "0001_security.sql"):
        # Straight to the driver: the scripts hold colons and per cent signs that are no parameters.
        driver: Any = op.get_bind().connection.driver_connection
        driver.execute((FOLDER / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: before the first release there was nothing to go back to."""
    raise NotImplementedError("Restore a backup instead: there is no revision before the first.")
