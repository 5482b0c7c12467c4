"""Lexical statistics, spaces that can be rolled back, indexes, other vector stores, thresholds by tenant."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parent
PARTS = ("0003_spaces.sql", "0003_search.sql", "0003_stores.sql", "0003_quality.sql")


def upgrade() -> None:
    """Add what search, spaces and reports need; nothing that exists changes its meaning."""
    driver: Any = op.get_bind().connection.driver_connection
    for name in PARTS:
        driver.execute((FOLDER / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: a restored backup is the way back."""
    raise NotImplementedError("Restore a backup instead: going back would drop vectors and reports.")
