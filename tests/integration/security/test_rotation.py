"""Every sealed secret is sealed anew, whatever changes meanwhile; keys that nothing needs go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, insert, select, update

from affluent.kit import clock
from affluent.services.operations.key_rotation import Rotation
from affluent.store import metadata, tables
from affluent.store.audit import log as audit
from affluent.store.database import Database
from affluent.store.open import open_database
from affluent.store.schema import upgrade as schema
from affluent.store.tables import people as tables_people
from affluent.vault import keys
from affluent.vault.envelope import CannotOpen, key_id
from affluent.vault.keys import BadMasterKey
from affluent.vault.rotation import PLACES


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    it = open_database(database_url, tmp_path / "unused.db")
    await schema.upgrade(it)
    await it.open()
    yield it
    await it.close()


def connection_row(identity: str, secrets: bytes) -> dict[str, object]:
    now = clock.now()
    return {
        "id": identity, "app": "firstpromoter", "name": identity, "fields": {}, "secrets": secrets, "version": 1,
        "status": "active", "status_reason": "", "created_at": now, "updated_at": now,
    }  # fmt: skip


def person_row(identity: str, secret: bytes) -> dict[str, object]:
    return {
        "id": identity, "email": f"{identity}@example.com", "name": identity, "role": "analyst", "status": "active",
        "password_hash": "", "totp_secret": secret, "created_at": clock.now(),
    }  # fmt: skip


def test_every_column_of_sealed_secrets_is_rotated() -> None:
    sealed = {
        (table.name, column.name)
        for table in metadata().tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert sealed == {(place.table, place.column) for place in PLACES}


async def test_everything_is_under_the_new_key_and_opens_as_before(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    vault = keys.load(path=path)
    old = vault.current
    rows = [connection_row(f"con_{n}", vault.seal(b"secret", f"connections/con_{n}")) for n in range(5)]
    await database.write(lambda c: c.execute(insert(tables.connections), rows))
    person = person_row("per_1", vault.seal(b"totp", "people/per_1"))
    await database.write(lambda c: c.execute(insert(tables_people.people).values(**person)))
    new = keys.add_to_file(path)
    rotation = Rotation(database=database, vault=vault)
    done = await rotation.reseal()
    assert (done.current, done.sealed_anew, done.uses) == (new, 6, {new: 6})
    found = await database.read(
        lambda c: c.execute(select(tables.connections.c.id, tables.connections.c.secrets)).all()
    )
    assert {vault.open(bytes(row.secrets), f"connections/{row.id}") for row in found} == {b"secret"}
    assert keys.keep_in_file(path, [done.current, *done.uses]) == [old]
    assert keys.load(path=path).key_ids == (new,)
    assert (await rotation.reseal()).sealed_anew == 0


async def test_the_log_tells_of_the_rotation_and_not_of_changed_credentials(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault = keys.load(path=path)
    row = connection_row("con_1", vault.seal(b"secret", "connections/con_1"))
    await database.write(lambda c: c.execute(insert(tables.connections).values(**row)))
    keys.add_to_file(path)
    await Rotation(database=database, vault=vault).reseal()
    told = await database.read(lambda c: audit.find(c, audit.AuditFilter(), limit=10))
    assert [entry.action for entry in told] == ["rotated", "created"]


async def test_a_secret_changed_meanwhile_is_kept(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault = keys.load(path=path)
    row = connection_row("con_1", vault.seal(b"old", "connections/con_1"))
    await database.write(lambda c: c.execute(insert(tables.connections).values(**row)))
    keys.add_to_file(path)
    rotation = Rotation(database=database, vault=vault)
    place = PLACES[0]
    (secret,) = await rotation._read(place)
    fresh = vault.seal(b"new", "connections/con_1")
    await database.write(lambda c: c.execute(update(tables.connections).values(secrets=fresh)))
    assert not await rotation._replace(place, secret, vault.seal(b"old", "connections/con_1"))
    assert vault.open((await rotation._read(place))[0][1], "connections/con_1") == b"new"


def test_a_vault_in_use_takes_up_the_new_key_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    running, other = keys.load(path=path), keys.load(path=path)
    before = running.seal(b"x", "a/1")
    new = keys.add_to_file(path)
    assert running.open(other.seal(b"y", "a/2"), "a/2") == b"y"
    assert key_id(running.seal(b"z", "a/3")) == new
    assert running.open(before, "a/1") == b"x"


def test_a_key_taken_away_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault = keys.load(path=path)
    sealed, new = vault.seal(b"x", "a/1"), keys.add_to_file(path)
    keys.keep_in_file(path, [new])
    with pytest.raises(CannotOpen, match="not available"):
        keys.load(path=path).open(sealed, "a/1")


def test_a_damaged_key_file_does_not_stop_a_vault_in_use(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault = keys.load(path=path)
    sealed = vault.seal(b"x", "a/1")
    path.write_text("not a key\n")
    assert vault.open(sealed, "a/1") == b"x"
    assert vault.open(vault.seal(b"y", "a/2"), "a/2") == b"y"


def test_a_command_may_print_the_key(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("ab" * 32 + "\n")
    vault = keys.load(path=tmp_path / "unused", command=f"cat {secret}")
    assert vault.open(vault.seal(b"x", "a/1"), "a/1") == b"x"
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("command", ["false", "echo nonsense", "/nothing/here", "'unclosed"])
def test_a_command_without_a_key_is_explained_and_its_output_not_shown(tmp_path: Path, command: str) -> None:
    with pytest.raises(BadMasterKey) as refused:
        keys.load(path=tmp_path / "unused", command=command)
    assert "nonsense" not in str(refused.value)


def test_a_variable_may_hold_an_old_and_a_new_key(tmp_path: Path) -> None:
    old, new = "ab" * 32, "cd" * 32
    sealed = keys.load(value=old, path=tmp_path / "unused").seal(b"x", "a/1")
    vault = keys.load(value=f"{old} {new}", path=tmp_path / "unused")
    assert vault.open(sealed, "a/1") == b"x"
    assert key_id(vault.seal(b"y", "a/2")) != key_id(sealed)
