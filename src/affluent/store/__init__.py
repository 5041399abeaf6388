"""Where everything is kept: tables, one repository module per noun, the two databases, migrations."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import MetaData


def metadata() -> MetaData:
    """The metadata with every table of the product: the modules `tables` and `tables_*`."""
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("tables"):
            importlib.import_module(f"{__name__}.{module.name}")
    tables: MetaData = importlib.import_module(f"{__name__}.tables").metadata
    return tables
