"""How many found a note helpful: a new column with a constant default, which rewrites nothing."""

from alembic import op

revision = "expand_2_helpful"
down_revision = "expand_1_notes"
branch_labels = None
depends_on = None

STATEMENTS = ("ALTER TABLE notes ADD COLUMN helpful integer NOT NULL DEFAULT 0",)


def upgrade() -> None:
    """Add the column."""
    for statement in STATEMENTS:
        op.execute(statement)
