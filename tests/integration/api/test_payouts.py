"""The payout check over the REST API."""

from __future__ import annotations

from dataclasses import replace

from tests.integration.api.client import client
from tests.support.books import TRACKER, keep_facts, keep_tracker
from tests.unit.money.made import commission, invoice, paid, refund

FACTS = [invoice(), paid(), refund(47200), replace(commission(15000), source=TRACKER)]


async def test_the_check_comes_as_json_and_as_csv(tmp_path):
    async with client(f"sqlite:///{tmp_path / 'a.db'}") as api:
        await keep_tracker(api.desk.database, api.desk.vault)
        await keep_facts(api.desk.database, FACTS)
        (promoter,) = (await api("GET", "/payouts/check?as_of=2026-11-30")).json["promoters"]
        assert (promoter["approved"], promoter["held"], promoter["to_pay"]) == (15000, 6000, 9000)
        (held,) = (await api("GET", f"/payouts/check?as_of=2026-11-30&connection={TRACKER}")).json["held"]
        assert (held["reasons"], held["is_final"]) == (["refunded"], True)
        text = await api("GET", "/payouts/check?as_of=2026-11-30&format=csv")
        assert text.headers["content-disposition"] == 'attachment; filename="payouts-2026-11-30.csv"'
        assert b"held,pro_1,INR,,,,60.00" in text.body


async def test_the_check_says_what_is_wrong_with_the_request(tmp_path):
    async with client(f"sqlite:///{tmp_path / 'a.db'}") as api:
        assert (await api("GET", "/payouts/check")).status == 409
        await keep_tracker(api.desk.database, api.desk.vault)
        assert (await api("GET", "/payouts/check?connection=con_x")).status == 404
        assert (await api("GET", "/payouts/check?as_of=soon")).status == 422
        assert (await api("GET", "/payouts/check?as_of=9999-12-31")).status == 422
        assert (await (await api.limited("runs:read"))("GET", "/payouts/check")).status == 403
