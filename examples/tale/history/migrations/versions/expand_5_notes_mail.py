"""Nobody's address is kept: the new release inserts notes without one."""

from alembic import op

revision = "expand_5_notes_mail"
down_revision = "expand_4_votes_score"
branch_labels = None
depends_on = None

STATEMENTS = ("ALTER TABLE notes ALTER COLUMN mail DROP NOT NULL",)


def upgrade() -> None:
    """Let the column be empty."""
    for statement in STATEMENTS:
        op.execute(statement)
