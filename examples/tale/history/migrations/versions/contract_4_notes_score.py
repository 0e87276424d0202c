"""No release needs whole stars in notes any more."""

from alembic import op

revision = "contract_4_notes_score"
down_revision = "contract_3_votes_writer"
branch_labels = None
depends_on = "expand_4_notes_score"

STATEMENTS = (
    "DROP TRIGGER teal_change_notes_stars_score ON notes",
    "DROP FUNCTION teal_change_notes_stars_score()",
    "ALTER TABLE notes ALTER COLUMN score SET NOT NULL",
    "ALTER TABLE notes DROP CONSTRAINT notes_score_filled",
    "ALTER TABLE notes DROP COLUMN stars",
)


def upgrade() -> None:
    """Drop what is old."""
    for statement in STATEMENTS:
        op.execute(statement)
