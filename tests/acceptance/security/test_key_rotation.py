"""`affluent keys rotate` while a server runs: it goes on, and everything is under the new key."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from affluent.catalog import load
from affluent.kit.jsons import loads
from affluent.server.twins import twins_application
from affluent.vault.envelope import key_id
from tests.acceptance.process import Process, calling, command, new_token
from tests.support.apps import served

FIELDS = {"api_key": "fp_secret_of_the_rotation", "account_id": "acc-1"}


async def told(*arguments: str) -> Any:
    """The JSON that a command prints. It is another process than the server's."""
    return loads((await command(*arguments, "--json")).stdout)


def keys_in_use(data_dir: Path) -> set[str]:
    """Ids of the master keys under which connections are sealed."""
    with closing(sqlite3.connect(data_dir / "affluent.db")) as connection:
        return {key_id(row[0]) for row in connection.execute("SELECT secrets FROM connections")}


@pytest.mark.timeout(120)
async def test_a_server_goes_on_while_its_key_is_changed(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path))
    async with served(twins_application(load().twins())) as twin:
        server = Process(("serve", "--port", "0", *folder), {"AFFLUENT_ALLOW_PRIVATE_ADDRESSES": "true"})
        url = await server.start()
        try:
            token = await new_token(server)
            fields = {**FIELDS, "base_url": f"{twin}/firstpromoter/api/v2"}
            async with calling(url, token) as call:
                made = await call(
                    "POST", "/api/v1/connections", {"app": "firstpromoter", "name": "First", "fields": fields}
                )
                before = keys_in_use(tmp_path)
                for _ in range(2):
                    done = await told("keys", "rotate", *folder)
                    assert done["sealed_anew"] >= 1
                    assert keys_in_use(tmp_path) == {done["current"]}
                    assert (await call("POST", f"/api/v1/connections/{made['id']}/test"))["ok"]
                assert keys_in_use(tmp_path) != before
                second = {"app": "firstpromoter", "name": "Second", "fields": fields}
                await call("POST", "/api/v1/connections", second)
                assert keys_in_use(tmp_path) == {done["current"]}
            await server.stop()
            url = await server.start()
            async with calling(url, token) as call:
                assert (await call("POST", f"/api/v1/connections/{made['id']}/test"))["ok"]
        finally:
            await server.stop()
    listed = await told("keys", "list", *folder)
    assert listed["keys"][done["current"]] >= 2
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    entries = await told("audit", "list", "--noun", "master key", *folder)
    assert [entry["action"] for entry in entries].count("rotated") == 2
    assert (await told("audit", "verify", *folder))["broken_at"] is None
