"""No release needs the authors' old column any more."""

from alembic import op

revision = "contract_3_writer"
down_revision = None
branch_labels = ("contract",)
depends_on = "expand_3_writer"

STATEMENTS = (
    "DROP TRIGGER teal_rename_notes_author_writer ON notes",
    "DROP FUNCTION teal_rename_notes_author_writer()",
    "ALTER TABLE notes ALTER COLUMN writer SET NOT NULL",
    "ALTER TABLE notes DROP CONSTRAINT notes_writer_filled",
    "ALTER TABLE notes DROP COLUMN author",
    "DROP TRIGGER teal_rename_votes_author_writer ON votes",
    "DROP FUNCTION teal_rename_votes_author_writer()",
    "ALTER TABLE votes ALTER COLUMN writer SET NOT NULL",
    "ALTER TABLE votes DROP CONSTRAINT votes_writer_filled",
    "ALTER TABLE votes DROP COLUMN author",
)


def upgrade() -> None:
    """Drop triggers and old columns."""
    for statement in STATEMENTS:
        op.execute(statement)
