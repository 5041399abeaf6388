"""Why this amount, from every id; and packs in which any changed byte is found."""

from __future__ import annotations

import random
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from affluent.cli.main import app
from affluent.kit.jsons import loads
from affluent.services.errors import NotFound
from affluent.services.provenance.evidence_pack import BadEvidence, fingerprint, pack, signer, verify
from tests.contract.razorpay.market import Market, market
from tests.integration.money.test_reconciling import paid, reconciled

KEY = signer(bytes(range(32)))
PACK = pack({"a.json": b"{}", "b.html": b"<p>x"}, key=KEY, subject="INV-1", made_at=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> AsyncIterator[Market]:
    """A referred customer with a paid invoice, tracked."""
    async with market(tmp_path, database_url) as here:
        await here.connect()
        await here.enable("sync_new_accounts")
        await here.enable("track_referral_sale")
        yield here


async def test_every_id_leads_to_the_same_chain(shop: Market) -> None:
    account = await shop.account(1, tid="tid_1")
    invoice = await paid(shop, account)
    (commission,) = shop.promoter.ledger.commissions.values()
    (sale,) = shop.promoter.ledger.sales.values()
    before = await shop.hub.why.ask(str(commission.id))
    assert before.found_by == "answer of a vendor"
    await reconciled(shop)
    run = before.runs[0].run
    number = (await shop.bill("GET", f"/invoices/{invoice}"))["sequenceId"]
    asked = [invoice, number, str(commission.id), str(sale.id), run.id, run.event_id]
    chains = [await shop.hub.why.ask(one) for one in asked]
    assert {chain.runs[0].run.id for chain in chains} == {run.id}
    chain = chains[0]
    kinds = [link.what for link in chain.links]
    assert kinds[:5] == ["invoice", "net", "event", "flow_version", "expression"]
    assert {"request", "answer", "commission"} <= set(kinds)
    assert chain.links[1].title == "Net INR 2,499.00"
    expression = next(link for link in chain.links if link.what == "expression").detail
    assert expression["inputs"]["amount"] == {
        "expression": "{{ minor_units(trigger.invoice.net, trigger.invoice.currency) }}", "value": 249_900,
    }  # fmt: skip
    assert expression["inputs"]["_money"] == "INR 2,499.00"
    assert all(link.at for link in chain.links)
    assert account in (await shop.hub.why.ask(account)).account_id


async def test_what_nobody_knows_is_said(shop: Market) -> None:
    with pytest.raises(NotFound, match="Nothing here is known as 'inv_x'"):
        await shop.hub.why.ask("inv_x")


async def test_a_pack_holds_the_chain_and_no_secret(shop: Market, tmp_path: Path) -> None:
    invoice = await paid(shop, await shop.account(1, tid="tid_1"))
    made = await shop.hub.evidence.pack(invoice)
    found = verify(made.content, expected=made.fingerprint)
    chain = loads(found.files["evidence.json"])
    assert chain["asked_for"] == invoice
    page = found.files["evidence.html"].decode()
    assert "INR 2,499.00" in page
    assert "fp_key" not in page + found.files["evidence.json"].decode()
    assert made.fingerprint == shop.hub.evidence.fingerprint
    assert sorted(zipfile.ZipFile(BytesIO(made.content)).namelist()) == [
        "evidence.html",
        "evidence.json",
        "manifest.json",
        "signature",
    ]
    (tmp_path / "pack.zip").write_bytes(made.content)


def test_a_changed_byte_anywhere_is_found() -> None:
    for position in range(len(PACK)):
        changed = bytearray(PACK)
        changed[position] ^= 1 << random.Random(position).randrange(8)
        with pytest.raises(BadEvidence):
            verify(bytes(changed))


@pytest.mark.parametrize("altered", [PACK[:-1], PACK + b"x", b"", b"PK", PACK[10:], PACK * 2])
def test_what_was_cut_or_added_is_found(altered: bytes) -> None:
    with pytest.raises(BadEvidence):
        verify(altered)


def test_another_key_is_found_by_its_fingerprint() -> None:
    other = pack({"a.json": b"{}"}, key=signer(bytes(32)), subject="x", made_at=datetime(2026, 11, 1, tzinfo=UTC))
    expected = fingerprint(KEY.public_key().public_bytes_raw())
    assert verify(PACK, expected=expected).fingerprint == expected
    with pytest.raises(BadEvidence, match="another key"):
        verify(other, expected=expected)


def test_the_command_verifies_offline(tmp_path: Path) -> None:
    file = tmp_path / "pack.zip"
    file.write_bytes(PACK)
    good = CliRunner().invoke(app, ["evidence", "verify", str(file), "--json"])
    assert (good.exit_code, loads(good.stdout)["subject"]) == (0, "INV-1")
    file.write_bytes(PACK.replace(b"<p>x", b"<p>y"))
    bad = CliRunner().invoke(app, ["evidence", "verify", str(file)])
    assert (bad.exit_code, "was changed" in bad.stderr) == (1, True)
