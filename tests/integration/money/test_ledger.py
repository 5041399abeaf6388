"""The ledger: sound after everything that happens, and any altered, removed or added row is found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update

from affluent.kit.jsons import dumps, loads
from affluent.sdk import Rejected, Unavailable
from affluent.services.provenance.ledger_heads import LedgerHeads, path_of, set_aside
from affluent.services.provenance.ledger_verification import LEDGER, Ledgers, Verification
from affluent.store import tables
from affluent.store.ledger import Sealer
from affluent.store.tables import money as tables_money
from tests.support.engine import VAULT, Engine, Vendor, engine


@pytest.fixture
async def it(database_url: str) -> AsyncIterator[Engine]:
    """An engine whose commits are sealed, after some work that went well and some that did not."""
    vendor = Vendor()

    async def behave(_action: str, sale: str) -> None:
        if sale == "bad":
            raise Rejected("Refused.")
        if sale == "slow":
            raise Unavailable("Away.")

    vendor.behave = behave
    async with engine(database_url, vendor) as made:
        made.database.sealer = Sealer(VAULT.derive(LEDGER), VAULT.current).seal
        await prepare(made)
        yield made


async def prepare(made: Engine) -> None:
    """Good, refused and waiting runs of three accounts."""
    given = {"id": "{{ trigger.id }}", "amount": "{{ minor_units(trigger.amount, trigger.currency) }}"}
    await made.flow({"id": "write", "app": "shop", "action": "write", "inputs": given})
    await asyncio.gather(*(made.accept(name, account=name) for name in ("a", "b", "c", "bad", "slow")))
    await made.settle()


async def verified(it: Engine, **heads: str) -> Verification:
    """The ledger's verdict."""
    return await Ledgers(database=it.database, vault=VAULT).verify(heads)


async def quiet(it: Engine) -> None:
    """Let nothing more happen: the run that waits is tried again and again, which commits between two looks."""
    await it.dispatcher.stop(grace_seconds=2)


async def spoiled(it: Engine, *statements: Any) -> Verification:
    """The verdict after rows were changed behind the product's back."""
    await quiet(it)
    sealer, it.database.sealer = it.database.sealer, None
    for statement in statements:
        await it.database.write(lambda c, s=statement: c.execute(s))
    it.database.sealer = sealer
    return await verified(it)


async def test_everything_accepted_is_applied_explained_waiting_or_parked(it: Engine) -> None:
    await quiet(it)
    found = await verified(it)
    assert found.problems == []
    runs = found.runs
    assert (runs.accepted, runs.applied, runs.waiting, runs.parked, runs.holds) == (5, 3, 1, 1, True)


async def test_a_resumed_and_a_cancelled_run_leave_it_sound(it: Engine) -> None:
    states = {row.title: row.id for row in await it.rows(tables.runs)}
    await it.runs.cancel(states["slow"])
    await it.runs.resume(states["bad"])
    await it.settle()
    assert (await verified(it)).problems == []


ALTERED = {
    "the payload of an event": update(tables.events).values(payload="{}"),
    "the amount of an effect": update(tables.effects).values(amount_minor=1),
    "what was sent": update(tables.effects).values(input={"id": "x"}),
    "what was answered": update(tables.effects).where(tables.effects.c.fate == "applied").values(output={}),
    "the fate of an effect": update(tables.effects).where(tables.effects.c.fate == "applied").values(fate="intended"),
    "an unsent effect to applied": update(tables.effects)
    .where(tables.effects.c.fate == "rejected")
    .values(fate="applied"),
    "the state of a run": update(tables.runs).where(tables.runs.c.state == "failed").values(state="succeeded"),
    "an open run to done": update(tables.runs).where(tables.runs.c.title == "slow").values(state="succeeded"),
    "the version a run had": update(tables.runs).values(flow_version=9),
    "removed effects": delete(tables.effects).where(tables.effects.c.fate == "applied"),
    "removed runs": delete(tables.runs).where(tables.runs.c.state == "failed"),
    "removed events": delete(tables.events),
    "a body of the ledger": text("UPDATE ledger SET body = REPLACE(body, 'succeeded', 'failed')"),
    "a hash of the ledger": text("UPDATE ledger SET hash = previous WHERE number = (SELECT MAX(number) FROM ledger)"),
    "the first row of the ledger": text("DELETE FROM ledger WHERE number = (SELECT MIN(number) FROM ledger)"),
    "the time of a row": text("UPDATE ledger SET at = at + 1"),
}


@pytest.mark.parametrize("what", ALTERED)
async def test_what_was_altered_is_found(it: Engine, what: str) -> None:
    assert (await verified(it)).is_sound
    assert not (await spoiled(it, ALTERED[what])).is_sound


async def test_a_row_that_was_put_in_is_found(it: Engine) -> None:
    (row, *_) = await it.rows(tables.effects)
    found = await spoiled(it, insert(tables.effects).values(**{**row._mapping, "key": "made up"}))
    assert found.problems == ["The effect made up is in its table and not in the ledger."]


async def test_a_ledger_cut_off_at_its_end_is_found_with_a_head_that_was_kept(it: Engine) -> None:
    heads = (await verified(it)).heads
    found = await verified(it, **heads)
    assert found.is_sound
    await spoiled(it, *EVERYTHING)
    assert (await verified(it)).is_sound
    assert not (await verified(it, **heads)).is_sound


EVERYTHING = (text("DELETE FROM ledger"), *(delete(t) for t in (tables.events, tables.runs, tables.effects)))


async def test_a_ledger_cut_off_at_its_end_is_found_by_the_heads_kept_beside_the_server(
    it: Engine, tmp_path: Path
) -> None:
    kept = LedgerHeads(database=it.database, vault=VAULT, folder=tmp_path, database_url="")
    ledgers = Ledgers(database=it.database, vault=VAULT, kept=kept)
    assert (await ledgers.verify()).kept_at == ""
    await ledgers.keep_heads()
    await it.accept("later", account="later")
    await it.settle()
    found = await ledgers.verify()
    assert (found.problems, bool(found.kept_at)) == ([], True)
    await ledgers.keep_heads()
    before = kept.path.read_bytes()
    await spoiled(it, *EVERYTHING)
    await ledgers.keep_heads()
    assert kept.path.read_bytes() == before, "what was cut off is not kept over what was there"
    assert (await verified(it)).is_sound, "the database alone shows no trace"
    assert all("cut off or replaced" in problem for problem in (await ledgers.verify()).problems)
    assert not (await ledgers.verify()).is_sound


async def test_the_last_commit_alone_cannot_be_taken_back_either(it: Engine, tmp_path: Path) -> None:
    kept = LedgerHeads(database=it.database, vault=VAULT, folder=tmp_path, database_url="")
    ledgers = Ledgers(database=it.database, vault=VAULT, kept=kept)
    (run,) = await it.accept("refund", account="refund")
    await it.settle()
    await quiet(it)
    await ledgers.keep_heads()
    last = text("DELETE FROM ledger WHERE number = (SELECT MAX(number) FROM ledger)")
    back = update(tables.runs).where(tables.runs.c.id == run).values(state="waiting")
    await spoiled(it, last, back)
    assert not (await ledgers.verify()).is_sound


@pytest.mark.parametrize("change", ["a head", "the time", "another key", "no JSON"])
async def test_a_file_of_heads_that_we_did_not_write_is_found(it: Engine, tmp_path: Path, change: str) -> None:
    kept = LedgerHeads(database=it.database, vault=VAULT, folder=tmp_path, database_url="")
    ledgers = Ledgers(database=it.database, vault=VAULT, kept=kept)
    await ledgers.keep_heads()
    said = loads(kept.path.read_bytes())
    chain = next(iter(said["heads"]))
    changed = {
        "a head": {**said, "heads": {chain: [1, "0" * 64]}},
        "the time": {**said, "at": "2020-01-01T00:00:00+00:00"},
        "another key": {**said, "key_id": "theirs"},
        "no JSON": "",
    }
    kept.path.write_text(dumps(changed[change]) if changed[change] else "{")
    found = await ledgers.verify()
    assert found.problems == [
        "The file of the ledger's heads beside this server was altered, or its master key is not here."
    ]
    await ledgers.keep_heads()
    assert not (await ledgers.verify()).is_sound, "it is not written anew over the alarm"


def test_every_database_has_a_file_of_its_own_whoever_opens_it(tmp_path: Path) -> None:
    urls = ["", "postgresql://a:1@db/one", "postgresql://b:2@db/one", "postgresql://b:2@db/two"]
    names = [path_of(tmp_path, url).name for url in urls]
    assert (names[1] == names[2], len(set(names))) == (True, 3)
    path_of(tmp_path, "").write_text("{}")
    set_aside(tmp_path, "")
    assert not path_of(tmp_path, "").exists()


async def test_whoever_has_the_database_alone_cannot_seal(it: Engine) -> None:
    forged = Sealer(bytes(32), VAULT.current)
    it.database.sealer = forged.seal
    await it.accept("forged", account="forged")
    await it.settle()
    assert not (await verified(it)).is_sound


async def test_commits_side_by_side_keep_every_chain_whole(it: Engine) -> None:
    await asyncio.gather(*(it.accept(f"n{number}", account=f"n{number}") for number in range(60)))
    await it.settle()
    await quiet(it)
    found = await verified(it)
    assert (found.problems, found.runs.accepted) == ([], 65)
    numbers = [row.number for row in await it.rows(tables_money.ledger)]
    assert len(numbers) == len(set(numbers)) == found.blocks
