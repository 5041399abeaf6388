"""Alembic's entry: migrates over the connection that store.schema hands in."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from affluent.store import metadata
from affluent.store.schema.types import Instant, Json


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's signature
    """Our own column types by their short names."""
    if kind == "type" and isinstance(item, (Instant, Json)):
        return f"store_types.{type(item).__name__}()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    render_as_batch=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
