"""The money journal over the REST API."""

from __future__ import annotations

from tests.integration.api.client import client
from tests.support.books import keep_facts
from tests.unit.money.made import invoice, paid


async def test_the_journal_comes_in_every_format(tmp_path):
    async with client(f"sqlite:///{tmp_path / 'a.db'}") as api:
        await keep_facts(api.desk.database, [invoice(), paid()])
        for form, first in (
            ("xero", b"*Narration"),
            ("quickbooks", b"Journal No."),
            ("zoho", b"Journal Date"),
            ("tally", b"Voucher Date"),
            ("hledger", b"commodity INR 1000.00"),
        ):
            answer = await api("GET", f"/journal?format={form}&from=2026-11-01&to=2026-11-30")
            assert (answer.status, answer.body.startswith(first)) == (200, True)
        assert (
            answer.headers["content-disposition"]
            == 'attachment; filename="journal-hledger-2026-11-01-2026-11-30.journal"'
        )


async def test_the_journal_is_refused_in_words(tmp_path):
    async with client(f"sqlite:///{tmp_path / 'a.db'}") as api:
        assert (await api("GET", "/journal?format=excel")).status == 422
        assert (await api("GET", "/journal")).status == 422
        assert (await api("GET", "/journal?format=zoho&from=2026-11-02&to=2026-11-01")).status == 422
        assert (await (await api.limited("runs:read"))("GET", "/journal?format=zoho")).status == 403
