"""What the sender of a webhook signed, by its hash, and why a delivery was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
expands = True


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("detail", sa.Text(), server_default="", nullable=False))
    op.add_column("events", sa.Column("signed_hash", sa.Text(), nullable=True))
    op.create_index(
        "ix_events_signed",
        "events",
        ["source", "signed_hash"],
        unique=True,
        sqlite_where=sa.text("signed_hash IS NOT NULL"),
        postgresql_where=sa.text("signed_hash IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_events_signed", "events")
    op.drop_column("events", "signed_hash")
    op.drop_column("deliveries", "detail")
