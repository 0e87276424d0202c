"""The new release inserts notes without an address."""

from alembic import op

revision = "expand_5_mail"
down_revision = "expand_4_score"
branch_labels = None
depends_on = None

STATEMENTS = ("ALTER TABLE notes ALTER COLUMN mail DROP NOT NULL",)


def upgrade() -> None:
    """Let the column be empty."""
    for statement in STATEMENTS:
        op.execute(statement)
