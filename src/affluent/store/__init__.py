"""Where everything is kept: tables, one repository module per noun, the two databases, migrations."""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import MetaData


def metadata() -> MetaData:
    """The metadata with every table of the product: what the package `tables` and its modules declare."""
    package = importlib.import_module(f"{__name__}.tables")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    tables: MetaData = package.metadata
    return tables
