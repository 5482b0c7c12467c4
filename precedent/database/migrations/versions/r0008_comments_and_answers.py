"""Gives comments rows, passages and words of their own, and quality reports a memory of what the model answered."""

from alembic import op
from sqlalchemy import text

from precedent.database.version import run_files

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FILES = ("schema/tables/04_comments.sql", "schema/tables/07_quality_answers.sql")
# An identity column needs no right on its sequence; to say so makes databases that were upgraded equal to new ones.
# A function whose result changes is another function: the old one goes, and the new one follows with all the others.
STATEMENTS = """
REVOKE ALL ON SEQUENCE comments_id_seq FROM PUBLIC;
DROP FUNCTION IF EXISTS rank_by_words(
  tsquery[], double precision[], double precision[], tsquery[], double precision[], double precision[],
  double precision, double precision, integer, integer, text[], bigint[], text[], text[], text[],
  timestamptz, timestamptz, timestamptz, bigint[])
"""


def upgrade() -> None:
    """Add tables and columns; the next refresh of each source fills them."""
    connection = op.get_bind()
    # A new database has them from its initial revision.
    if connection.scalar(text("SELECT to_regclass('public.comments') IS NULL")):
        for file in FILES:
            run_files(connection, file)
    op.execute(STATEMENTS)
