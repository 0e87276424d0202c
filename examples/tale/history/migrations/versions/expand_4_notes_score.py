"""Stars of notes become a score with decimals: a new column, in step with the old one by a trigger."""

from alembic import op

revision = "expand_4_notes_score"
down_revision = "expand_3_votes_writer"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE notes ADD COLUMN score numeric(8,2)",
    """
CREATE FUNCTION teal_change_notes_stars_score() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.score IS NULL THEN
            NEW.score := NEW.stars::numeric(8,2);
        ELSIF NEW.score IS DISTINCT FROM NEW.stars::numeric(8,2) THEN
            NEW.stars := round(NEW.score)::integer;
        END IF;
    ELSIF NEW.score IS DISTINCT FROM OLD.score AND NEW.score IS DISTINCT FROM NEW.stars::numeric(8,2) THEN
        NEW.stars := round(NEW.score)::integer;
    ELSIF NEW.stars IS DISTINCT FROM OLD.stars OR NEW.score IS NULL THEN
        NEW.score := NEW.stars::numeric(8,2);
    END IF;
    RETURN NEW;
END
$$
    """,
    """
CREATE TRIGGER teal_change_notes_stars_score BEFORE INSERT OR UPDATE ON notes
    FOR EACH ROW EXECUTE FUNCTION teal_change_notes_stars_score()
    """,
    """
-- teal: phase=expand reason="the trigger above fills score before this check sees it"
ALTER TABLE notes ADD CONSTRAINT notes_score_filled CHECK (score IS NOT NULL) NOT VALID
    """,
)


def upgrade() -> None:
    """Add the column and the trigger."""
    for statement in STATEMENTS:
        op.execute(statement)
