"""No release needs the old column of votes any more."""

from alembic import op

revision = "contract_3_votes_writer"
down_revision = "contract_3_notes_writer"
branch_labels = None
depends_on = "expand_3_votes_writer"

STATEMENTS = (
    "DROP TRIGGER teal_rename_votes_author_writer ON votes",
    "DROP FUNCTION teal_rename_votes_author_writer()",
    "ALTER TABLE votes ALTER COLUMN writer SET NOT NULL",
    "ALTER TABLE votes DROP CONSTRAINT votes_writer_filled",
    "ALTER TABLE votes DROP COLUMN author",
)


def upgrade() -> None:
    """Drop what is old."""
    for statement in STATEMENTS:
        op.execute(statement)
