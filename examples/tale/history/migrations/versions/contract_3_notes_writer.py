"""No release needs the old column of notes any more."""

from alembic import op

revision = "contract_3_notes_writer"
down_revision = None
branch_labels = ("contract",)
depends_on = "expand_3_notes_writer"

STATEMENTS = (
    "DROP TRIGGER teal_rename_notes_author_writer ON notes",
    "DROP FUNCTION teal_rename_notes_author_writer()",
    "ALTER TABLE notes ALTER COLUMN writer SET NOT NULL",
    "ALTER TABLE notes DROP CONSTRAINT notes_writer_filled",
    "ALTER TABLE notes DROP COLUMN author",
)


def upgrade() -> None:
    """Drop what is old."""
    for statement in STATEMENTS:
        op.execute(statement)
