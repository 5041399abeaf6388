"""What is noted of a unit of work, when the unit does not come to its end."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, create_engine

from affluent.store.audit.recording import recorded


def _broken(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1")
    connection.invalidate()
    raise ConnectionError


def test_a_connection_that_broke_is_told_as_what_it_was():
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(ConnectionError):
        recorded(_broken)(connection)
    engine.dispose()
