"""No release needs whole stars any more."""

from alembic import op

revision = "contract_4_score"
down_revision = "contract_3_writer"
branch_labels = None
depends_on = "expand_4_score"

STATEMENTS = (
    "DROP TRIGGER teal_change_notes_stars_score ON notes",
    "DROP FUNCTION teal_change_notes_stars_score()",
    "ALTER TABLE notes ALTER COLUMN score SET NOT NULL",
    "ALTER TABLE notes DROP CONSTRAINT notes_score_filled",
    "ALTER TABLE notes DROP COLUMN stars",
    "DROP TRIGGER teal_change_votes_stars_score ON votes",
    "DROP FUNCTION teal_change_votes_stars_score()",
    "ALTER TABLE votes ALTER COLUMN score SET NOT NULL",
    "ALTER TABLE votes DROP CONSTRAINT votes_score_filled",
    "ALTER TABLE votes DROP COLUMN stars",
)


def upgrade() -> None:
    """Drop triggers and old columns."""
    for statement in STATEMENTS:
        op.execute(statement)
