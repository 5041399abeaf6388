"""`affluent keys`: the master keys, changed while servers run."""

from __future__ import annotations

import typer

from affluent.bootstrap import Hub
from affluent.cli.options import AsJson, DatabaseUrl, DataDir
from affluent.cli.output import console, say_json, table
from affluent.cli.show import with_hub
from affluent.kit.jsons import JSONObject
from affluent.services.errors import Conflict
from affluent.services.operations.key_rotation import Rotation
from affluent.settings import Settings
from affluent.vault import keys as files

keys = typer.Typer(help="Master keys: which there are, another one, old ones away.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(keys, name="keys")


@keys.command("list")
def list_keys(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """The keys by their ids, and for how many secrets each is needed."""

    async def use(hub: Hub) -> JSONObject:
        uses = await _rotation(hub).uses()
        return {"current": hub.vault.current, "keys": {key_id: uses.get(key_id, 0) for key_id in hub.vault.key_ids}}

    counted = with_hub(use, data_dir, database_url)
    if as_json:
        say_json(counted)
        return
    rows = [
        [key_id, "seals" if key_id == counted["current"] else "opens", uses] for key_id, uses in counted["keys"].items()
    ]
    table("Master keys", ["Id", "", "Needed for"], rows)


@keys.command("rotate")
def rotate(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """A new master key; every secret is sealed anew with it. Servers go on meanwhile and need no restart.

    With AFFLUENT_MASTER_KEY or a command: put the new key behind the old one there, restart, then run this. Keys that
    nothing needs are taken out of the key file; the one that was used until now stays until the next rotation, or
    until `affluent keys retire` once servers were restarted.
    """

    async def use(hub: Hub) -> JSONObject:
        before, added = hub.vault.current, ""
        if _has_file(hub.settings):
            added = files.add_to_file(hub.settings.master_key_path())
        done = await _rotation(hub).reseal()
        retired = await _retire(hub, done.uses, keep=(done.current, before))
        return {"current": done.current, "added": added, "sealed_anew": done.sealed_anew, "retired": retired}

    _tell(with_hub(use, data_dir, database_url), as_json=as_json)


@keys.command("retire")
def retire(as_json: AsJson = False, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Take the keys that nothing needs out of the key file. Restart servers that were started before the rotation first."""

    async def use(hub: Hub) -> JSONObject:
        if not _has_file(hub.settings):
            raise Conflict("The master key does not come from a file; take old ones out where it comes from.")
        retired = await _retire(hub, await _rotation(hub).uses(), keep=(hub.vault.current,))
        return {"current": hub.vault.current, "added": "", "sealed_anew": 0, "retired": retired}

    _tell(with_hub(use, data_dir, database_url), as_json=as_json)


async def _retire(hub: Hub, uses: dict[str, int], *, keep: tuple[str, ...]) -> list[str]:
    if not _has_file(hub.settings):
        return []
    gone = files.keep_in_file(hub.settings.master_key_path(), [*keep, *uses])
    if gone:
        await _rotation(hub).retired(gone)
    return gone


def _rotation(hub: Hub) -> Rotation:
    return Rotation(database=hub.database, vault=hub.vault)


def _has_file(settings: Settings) -> bool:
    return not settings.master_key.get_secret_value() and not settings.master_key_command


def _tell(done: JSONObject, *, as_json: bool) -> None:
    if as_json:
        say_json(done)
        return
    if done["added"]:
        console.print(f"Key {done['added']} is new. Back up the key file: without it no secret can be opened.")
    console.print(f"{done['sealed_anew']} secrets were sealed anew with key {done['current']}.")
    console.print(f"Taken away: {', '.join(done['retired']) or 'no key'}.")
