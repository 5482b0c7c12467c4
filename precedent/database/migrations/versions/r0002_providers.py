"""AI providers with credentials and fallbacks, policies, budgets, and the ledger of every call."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parent
TABLES = ("usage_records", "budget_reservations", "budget_months", "provider_health", "ai_policies", "ai_preferences")


def upgrade() -> None:
    """Add what providers need; nothing that exists changes its meaning."""
    for name in ("0002_providers.sql", "0002_ledger.sql"):
        driver: Any = op.get_bind().connection.driver_connection
        driver.execute((FOLDER / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: the ledger is money, and nothing else holds it."""
    raise NotImplementedError("Restore a backup instead: going back would drop the ledger.")
