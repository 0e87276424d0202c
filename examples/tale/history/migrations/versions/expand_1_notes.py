"""Notes of readers, and their votes in a hypertable."""

from alembic import op

revision = "expand_1_notes"
down_revision = None
branch_labels = ("expand",)
depends_on = None

STATEMENTS = (
    """
CREATE TABLE notes (
    key text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL, stars integer NOT NULL DEFAULT 0, mail text NOT NULL
)
    """,
    """
CREATE TABLE votes (
    key text NOT NULL, at timestamptz NOT NULL DEFAULT now(), author text NOT NULL, stars integer NOT NULL DEFAULT 0
)
    """,
    "SELECT create_hypertable('votes', 'at', chunk_time_interval => interval '1 day')",
    "CREATE INDEX votes_by_key ON votes (key, at DESC)",
)


def upgrade() -> None:
    """Add both tables."""
    for statement in STATEMENTS:
        op.execute(statement)
