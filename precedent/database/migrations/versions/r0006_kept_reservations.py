"""Lets a reservation stay with a call whose price is not known, and replaces the functions around a call."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A function whose arguments change is another function: the old ones go, and the new ones follow with all the others.
STATEMENTS = """
ALTER TABLE budget_reservations ADD COLUMN IF NOT EXISTS call_id UUID;
DROP FUNCTION IF EXISTS admit_call(
  text, text, integer, integer, bigint, numeric, boolean, double precision, double precision, boolean);
DROP FUNCTION IF EXISTS settle_call(jsonb, bigint, text, integer, double precision, text);
"""


def upgrade() -> None:
    """Add one empty column; no row is touched."""
    op.execute(STATEMENTS)
