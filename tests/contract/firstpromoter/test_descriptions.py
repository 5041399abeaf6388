"""Every request that the app sends and every answer of the twin, held against FirstPromoter's own descriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.tests.support import Bench, bench
from affluent.kit.jsons import JSONObject, dumps
from affluent.sdk import AlreadyApplied, AppError
from tests.contract.firstpromoter import descriptions as described
from tests.contract.firstpromoter.record import Answered, Recorder, Sent, openapi

PERSON = {"uid": "ACC-1", "email": "billing@northwind.example"}
OTHER = {"uid": "ACC-2", "email": "two@x.example"}
SALE = {**PERSON, "event_id": "inv.1", "amount": 249900, "currency": "USD", "plan": "pp.1", "quantity": 2, "mrr": 100}


@pytest.fixture(autouse=True)
def _descriptions() -> None:
    """All of these tests need the descriptions."""
    described.needed()


async def tried(vendor: Bench, action: str, **fields: Any) -> Any:
    """Run an action for its request; an outcome that is no success is one of the things to be validated."""
    try:
        return await vendor.run(action, **fields)
    except AlreadyApplied as error:
        return error.output
    except AppError:
        return None


async def track(vendor: Bench) -> None:
    """All four tracking calls: done, done again, and for a customer nobody referred."""
    for _ in range(2):
        await tried(
            vendor, "track_signup", **PERSON, tid="tid_000", ip="203.0.113.9", created_at="2026-01-05T10:00:00Z"
        )
        await tried(vendor, "track_sale", **SALE, skip_email_notification=True)
        await tried(vendor, "track_refund", **PERSON, event_id="r", sale_event_id="inv.1", amount=5, currency="USD")
    await tried(vendor, "track_signup", **OTHER, tid="unknown")
    await tried(vendor, "track_sale", **{**SALE, **OTHER, "event_id": "inv.2"})
    await tried(vendor, "track_refund", **OTHER, event_id="r2", sale_event_id="inv.2", amount=5, currency="USD")
    await tried(vendor, "track_sale", **{**SALE, "event_id": "inv.3", "currency": "JPY"})
    await tried(vendor, "track_cancellation", **PERSON, event_id="c")
    await tried(vendor, "track_cancellation", **OTHER, event_id="c2")


async def manage(vendor: Bench) -> None:
    """All management actions, some of them refused."""
    referral = (await vendor.run("find_referral", **PERSON)).referral_id
    commission = (await vendor.run("list_commissions", promoter_id=4101)).commissions[0].commission_id
    names = {"first_name": "Edda", "last_name": "Reviewer", "website": "https://edda.example", "country": "DE"}
    new = {"email": "edda@x.example", "cust_id": "ACC-8", "company_name": "Edda Ltd", **names}
    made = await vendor.run("create_promoter", **new, campaign_id=2)
    await tried(vendor, "create_promoter", **new)
    await tried(vendor, "create_promoter", email="new@x.example", campaign_id=99 if vendor.version == 2 else 1)
    await vendor.run("update_promoter", promoter_id=made.promoter_id, cust_id="ACC-9", first_name="Ed")
    for wanted in ({"promoter_id": 1}, {"email": "nobody@x.example"}, {"cust_id": "ACC-9"}, {"ref_id": "ada"}):
        await tried(vendor, "get_promoter", **wanted)
    await vendor.run("list_promoters", q="e", campaign_id=2)
    await vendor.run("update_referral", **PERSON, new_email="new@northwind.example")
    filters = {"q": "acc", "state": "cancelled", "type": "customer", "promoter_id": 4101}
    await vendor.run("list_referrals", **filters, created_from="2026-01-01", created_to="2099-01-01")
    await vendor.run(
        "list_commissions", q="inv.1", status="approved", fulfilled="no", campaign_id=1, created_from="2026-01-01"
    )
    await tried(vendor, "approve_commissions", commission_ids=[commission])
    await tried(vendor, "deny_commissions", commission_ids=[commission])
    if vendor.version == 2:
        await manage_v2(vendor, made.promoter_id, referral)
    else:
        await manage_v1(vendor, made.promoter_id, referral)


async def manage_v1(vendor: Bench, promoter: int, referral: int) -> None:
    """What v1 does a call at a time."""
    await vendor.run("add_promoters_to_campaign", promoter_ids=[promoter], campaign_id=1)
    await vendor.run("move_promoters", promoter_ids=[promoter], from_campaign_id=2, to_campaign_id=3)
    await tried(vendor, "move_promoters", promoter_ids=[9], from_campaign_id=2, to_campaign_id=3)
    await vendor.run("renew_sign_in", promoter_id=promoter)
    await vendor.run("delete_referrals", referral_ids=[referral])


async def manage_v2(vendor: Bench, promoter: int, referral: int) -> None:
    """What only v2 can do."""
    for action in ("accept_promoters", "reject_promoters", "block_promoters", "add_promoters_to_campaign"):
        await tried(vendor, action, promoter_ids=[promoter], campaign_id=2)
    await tried(vendor, "archive_promoters", promoter_ids=[promoter])
    await tried(vendor, "restore_promoters", promoter_ids=[promoter])
    await vendor.run("move_promoters", promoter_ids=[promoter], from_campaign_id=2, to_campaign_id=3)
    await vendor.run("assign_parent", promoter_ids=[promoter], parent_promoter_id=4101)
    made = await vendor.run("create_referral", **OTHER, promoter_campaign_id=7101)
    await tried(vendor, "create_referral", **OTHER, promoter_campaign_id=7101)
    await tried(vendor, "find_referral", uid="nobody")
    await vendor.run("move_referrals", referral_ids=[referral], promoter_campaign_id=7102, move_commissions=True)
    past = {
        "event_id": "past",
        "uid": "ACC-1",
        "sale_amount": 5,
        "event_date": "2025-12-01",
        "billing_period": "monthly",
    }
    sale = await vendor.run("create_sale_commission", **past, plan_id=4)
    bonus = await vendor.run(
        "create_custom_commission", event_id="b", promoter_campaign_id=7101, amount=5, unit="credits"
    )
    await vendor.run("update_commission", commission_id=sale.commission_id, internal_note="checked")
    await tried(vendor, "update_commission", commission_id=1, internal_note="nobody's")
    await vendor.run("mark_commissions_fulfilled", commission_ids=[bonus.commission_id])
    await vendor.run("mark_commissions_unfulfilled", commission_ids=[bonus.commission_id])
    await vendor.run("delete_referrals", referral_ids=[made.referral_id])
    code = await vendor.run("create_promo_code", code="ADA20", reward_id=3, promoter_campaign_id=7101, description="x")
    await vendor.run("get_promo_code", promo_code_id=code.promo_code_id)
    await vendor.run("list_promo_codes", promoter_campaign_id=7101)
    await vendor.run("update_promo_code", promo_code_id=code.promo_code_id, description="y")
    await vendor.run("archive_promo_code", promo_code_id=code.promo_code_id)
    await vendor.run("list_campaigns")


async def recorded(version: int) -> Recorder:
    recorder = Recorder()
    async with bench(version, recorder.before) as vendor:
        await app.tester(vendor.context())
        await track(vendor)
        await manage(vendor)
    return recorder


@pytest.fixture(scope="module", params=[2, 1], ids=["v2", "v1"])
def exchanges(request: pytest.FixtureRequest) -> list[tuple[Sent, Answered]]:
    """Everything that went over the wire, once for each API version."""
    described.needed()
    return asyncio.run(recorded(request.param)).exchanges


def test_every_request_is_as_described(exchanges: list[tuple[Sent, Answered]]) -> None:
    assert sorted({problem for sent, _ in exchanges for problem in problems_of_request(sent)}) == []


def test_every_answer_of_the_twin_is_as_described(exchanges: list[tuple[Sent, Answered]]) -> None:
    assert sorted({problem for sent, answered in exchanges for problem in problems_of_answer(sent, answered)}) == []


def test_every_action_was_called(exchanges: list[tuple[Sent, Answered]]) -> None:
    assert len({(sent.method, described.found(sent).pattern) for sent, _ in exchanges}) >= 13


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("/api/v2/track/sale", {"uid": "a", "event_id": "e", "amount": 9.99}, "amount"),
        ("/api/v2/track/sale", {"uid": "a", "event_id": "e"}, "amount"),
        ("/api/v2/track/sale", {"uid": "a", "event_id": "e", "amount": 9, "sale_amount": 9}, "sale_amount"),
        ("/api/v2/track/signup", {"tid": "t"}, "anyOf"),
    ],
)
def test_a_wrong_request_would_be_found(path: str, body: JSONObject, problem: str) -> None:
    headers = Headers({"Authorization": "Bearer k", "Account-ID": "a"})
    sent = Sent(
        "post", path, openapi.datatypes.RequestParameters(header=headers), "application/json", dumps(body).encode()
    )
    assert any(problem in found for found in problems_of_request(sent))


def problems_of_request(sent: Sent) -> Iterator[str]:
    """What of a request is not as described: its place, parameters, fields, types, credentials."""
    operation = described.found(sent)
    known = {item["name"] for item in operation.parameters}
    for name in sent.parameters.query:
        if name not in known:
            yield f"{sent.method} {operation.pattern}: the parameter {name} is not described"
    for error in operation.api.iter_request_errors(sent):
        yield f"{sent.method} {operation.pattern}: {words(error)}"


def problems_of_answer(sent: Sent, answered: Answered) -> Iterator[str]:
    """What of an answer is not as described: its status, fields, types."""
    operation = described.found(sent)
    if (operation.pattern, answered.status_code) in described.UNDOCUMENTED:
        return
    for error in operation.api.iter_response_errors(sent, answered):
        yield f"{sent.method} {operation.pattern} {answered.status_code}: {words(error)}"


def words(error: BaseException) -> str:
    """An error with what it says of the schema."""
    cause = error.__cause__ or error
    details = getattr(cause, "schema_errors", None)
    if details:
        return "; ".join(f"{item.validator} {'.'.join(map(str, item.path))} {item.message}"[:300] for item in details)
    return f"{type(error).__name__} {error} {cause if cause is not error else ''}"
