"""Databases for the tests: every store test runs on SQLite and on a private PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, PostgresUnavailable, running_server
from tests.support.databases import ReusedDatabase
from tests.support.tables import template


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL, one per test process, started when a test first asks for it."""
    try:
        with running_server() as server:
            yield server
    except PostgresUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """A PostgreSQL database with all tables, to copy from."""
    return template(postgres_server)


@pytest.fixture(scope="session")
def reused_database(postgres_server: PostgresServer, postgres_template: str) -> Iterator[ReusedDatabase]:
    """The PostgreSQL database that the tests of this process use one after the other."""
    with closing(ReusedDatabase(postgres_server, postgres_template)) as database:
        yield database


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a PostgreSQL database with its tables and no rows; without tables, when marked `empty_database`."""
    if request.node.get_closest_marker("empty_database") is not None:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database() as url:
            yield url
        return
    database: ReusedDatabase = request.getfixturevalue("reused_database")
    yield database.url()
    database.empty()


@pytest.fixture(scope="module")
def postgresql_module_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh PostgreSQL database of this module, with its tables."""
    with postgres_server.database(postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database of this test: the test runs once on each store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'affluent.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url
