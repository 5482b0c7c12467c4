"""Takes rights back that databases made by the first release have, and new ones are not given."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Identity columns need no right on their sequence. The index of words is read by a function of the owner now.
STATEMENTS = """
DO $$
BEGIN
  -- A new database of a server of one's own has a role of another name, which was given nothing more.
  IF to_regrole('precedent_app') IS NOT NULL THEN
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM precedent_app;
  END IF;
END
$$;
SELECT grant_to_app('USAGE', 'SEQUENCE tenants_id_seq');
DO $$
BEGIN
  ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) NOT LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
  NULL;  -- an owner that is no superuser could not make it leakproof either
END
$$;
"""


def upgrade() -> None:
    """Change rights only; no row is touched."""
    op.execute(STATEMENTS)
