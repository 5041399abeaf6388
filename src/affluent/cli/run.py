"""Runs a command's coroutine: logging set up, and what stops it said in words instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from affluent.cli.output import MISUSED, fail
from affluent.kit import logs
from affluent.server.process import CannotStart
from affluent.services.errors import Invalid, ServiceError
from affluent.settings import Settings
from affluent.store.database import StoreUnavailable
from affluent.store.open import BadDatabaseUrl
from affluent.store.schema.upgrade import SchemaMismatch
from affluent.vault.keys import BadMasterKey

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], settings: Settings, *, log_level: str = "") -> T:
    """Run a coroutine to its end. Whatever a person can mend ends the command with a sentence and its exit code."""
    logs.configure(level=log_level or settings.log_level, as_json=settings.log_json)
    try:
        return uvloop.run(work)
    except (BadDatabaseUrl, BadMasterKey) as error:
        fail(str(error), MISUSED)
    except (CannotStart, SchemaMismatch, StoreUnavailable) as error:
        fail(str(error))
    except ServiceError as error:
        fail(_named(error))
    except _store_errors() as error:
        where = "database_url" if settings.database_url else f"the data folder {settings.data_dir}"
        fail(f"{where}: {_reason(error)}")


def _named(error: ServiceError) -> str:
    """What was wrong, each guilty input named."""
    problems = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    named = [f"{field}: {text}" for field, text in problems if field]
    if len(named) == 1 and problems[0][1] == error.message:
        return named[0]
    return "\n".join([error.message, *(name for name in named if name not in error.message)])


def _store_errors() -> tuple[type[Exception], ...]:
    """What a store raises; the PostgreSQL driver's own in a process that has loaded it."""
    driver = sys.modules.get("asyncpg")
    of_driver = (driver.PostgresError, driver.InterfaceError) if driver else ()
    return (SQLAlchemyError, OSError, *of_driver)


def _reason(error: BaseException) -> str:
    """The first line of the cause that a person can do something about."""
    cause = getattr(error, "orig", None) or error
    text = str(getattr(cause, "strerror", None) or cause) or type(cause).__name__
    return text.splitlines()[0].split(">: ", 1)[-1]
