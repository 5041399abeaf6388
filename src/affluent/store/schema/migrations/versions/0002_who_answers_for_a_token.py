"""Who answers for a token, and triggers that see an entry of the audit log being replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
expands = True


def upgrade() -> None:
    op.add_column("tokens", sa.Column("person_id", sa.Text(), nullable=True))
    op.create_index("ix_tokens_person_id", "tokens", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_tokens_person_id", "tokens")
    op.drop_column("tokens", "person_id")
