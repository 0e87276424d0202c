"""Notes of readers, and their votes in a hypertable."""

from alembic import op

revision = "expand_1_notes"
down_revision = None
branch_labels = ("expand",)
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.execute(
        "CREATE TABLE notes (key text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), author text NOT NULL,"
        " stars integer NOT NULL DEFAULT 0, mail text NOT NULL)"
    )
    op.execute(
        "CREATE TABLE votes (key text NOT NULL, at timestamptz NOT NULL DEFAULT now(), author text NOT NULL,"
        " stars integer NOT NULL DEFAULT 0)"
    )
    op.execute("SELECT create_hypertable('votes', 'at', chunk_time_interval => interval '1 day')")
    op.execute("CREATE INDEX votes_by_key ON votes (key, at DESC)")
