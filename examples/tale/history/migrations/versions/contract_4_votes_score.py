"""No release needs whole stars in votes any more."""

from alembic import op

revision = "contract_4_votes_score"
down_revision = "contract_4_notes_score"
branch_labels = None
depends_on = "expand_4_votes_score"

STATEMENTS = (
    "DROP TRIGGER teal_change_votes_stars_score ON votes",
    "DROP FUNCTION teal_change_votes_stars_score()",
    "ALTER TABLE votes ALTER COLUMN score SET NOT NULL",
    "ALTER TABLE votes DROP CONSTRAINT votes_score_filled",
    "ALTER TABLE votes DROP COLUMN stars",
)


def upgrade() -> None:
    """Drop what is old."""
    for statement in STATEMENTS:
        op.execute(statement)
