"""No release needs addresses any more."""

from alembic import op

revision = "contract_5_mail"
down_revision = "contract_4_score"
branch_labels = None
depends_on = "expand_5_mail"

STATEMENTS = ("ALTER TABLE notes DROP COLUMN mail",)


def upgrade() -> None:
    """Drop the column."""
    for statement in STATEMENTS:
        op.execute(statement)
