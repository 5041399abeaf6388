"""Alembic migrations, in the wheel; `store.schema.upgrade` runs them."""
