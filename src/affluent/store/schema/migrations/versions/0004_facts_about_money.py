"""Facts about money, and what effects tell of the positions that decide them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
expands = True

_ABOUT = ("sale", "payment", "account")


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("thing_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("sale_id", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("learned_at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_facts"),
        sa.UniqueConstraint(
            "thing_id",
            "kind",
            "source",
            "digest",
            "happened_at",
            name="uq_facts_thing_id_kind_source_digest_happened_at",
        ),
    )
    for name in _ABOUT:
        filled = sa.text(f"{name}_id <> ''")
        op.create_index(f"ix_facts_{name}", "facts", [f"{name}_id"], sqlite_where=filled, postgresql_where=filled)
    for name in ("tells", "sale_id", "answers_to"):
        op.add_column("effects", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.add_column("effects", sa.Column("units", sa.BigInteger(), nullable=True))
    op.add_column("effects", sa.Column("again_at", sa.BigInteger(), nullable=True))
    has_sale, is_open = sa.text("sale_id <> ''"), sa.text("again_at IS NOT NULL")
    op.create_index("ix_effects_sale", "effects", ["sale_id"], sqlite_where=has_sale, postgresql_where=has_sale)
    op.create_index("ix_effects_again", "effects", ["again_at"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_index("ix_effects_again", "effects")
    op.drop_index("ix_effects_sale", "effects")
    for name in ("again_at", "units", "answers_to", "sale_id", "tells"):
        op.drop_column("effects", name)
    op.drop_table("facts")
