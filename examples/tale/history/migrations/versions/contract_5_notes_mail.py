"""No release needs addresses any more."""

from alembic import op

revision = "contract_5_notes_mail"
down_revision = "contract_4_votes_score"
branch_labels = None
depends_on = "expand_5_notes_mail"

STATEMENTS = ("ALTER TABLE notes DROP COLUMN mail",)


def upgrade() -> None:
    """Drop what is old."""
    for statement in STATEMENTS:
        op.execute(statement)
