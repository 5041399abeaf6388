"""Where everything is kept: tables, one repository module per noun, the two databases, migrations."""

from __future__ import annotations

import importlib

from sqlalchemy import MetaData

_MODULES = ("tables", "tables_billing", "tables_people")


def metadata() -> MetaData:
    """The metadata with every table of the product."""
    for name in _MODULES:
        importlib.import_module(f"affluent.store.{name}")
    tables: MetaData = importlib.import_module("affluent.store.tables").metadata
    return tables
