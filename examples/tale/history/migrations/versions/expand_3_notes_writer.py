"""Authors of notes become writers: the new column, and a trigger that keeps both in step until the old one goes."""

from alembic import op

revision = "expand_3_notes_writer"
down_revision = "expand_2_helpful"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE notes ADD COLUMN writer text",
    """
CREATE FUNCTION teal_rename_notes_author_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.writer IS NULL THEN
            NEW.writer := NEW.author;
        ELSIF NEW.writer IS DISTINCT FROM NEW.author THEN
            NEW.author := NEW.writer;
        END IF;
    ELSIF NEW.writer IS DISTINCT FROM OLD.writer AND NEW.writer IS DISTINCT FROM NEW.author THEN
        NEW.author := NEW.writer;
    ELSIF NEW.author IS DISTINCT FROM OLD.author OR NEW.writer IS NULL THEN
        NEW.writer := NEW.author;
    END IF;
    RETURN NEW;
END
$$
    """,
    """
CREATE TRIGGER teal_rename_notes_author_writer BEFORE INSERT OR UPDATE ON notes
    FOR EACH ROW EXECUTE FUNCTION teal_rename_notes_author_writer()
    """,
    """
-- teal: phase=expand reason="the trigger above fills writer before this check sees it"
ALTER TABLE notes ADD CONSTRAINT notes_writer_filled CHECK (writer IS NOT NULL) NOT VALID
    """,
)


def upgrade() -> None:
    """Add the column and the trigger."""
    for statement in STATEMENTS:
        op.execute(statement)
