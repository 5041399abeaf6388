"""The app against this server's own billing workspace: real statuses, real schedules, real scopes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from affluent.apps.togai.app import app
from affluent.kit import clock
from affluent.sdk import AlreadyApplied, AuthFailed, Misconfigured, Rejected
from tests.support.apps import Bench, bench
from tests.support.workspace import Workspace, served, workspace

TODAY = clock.now().date().isoformat()
TOMORROW = (clock.now().date() + timedelta(days=1)).isoformat()


@pytest.fixture
async def there(tmp_path) -> AsyncIterator[Workspace]:
    """A workspace with the customer CUS-1 and its account ACC-1."""
    async with workspace(f"sqlite:///{tmp_path / 'workspace.db'}") as made:
        await made.customer()
        yield made


@pytest.fixture
async def url(there: Workspace) -> AsyncIterator[str]:
    """Where it answers."""
    async with served(there) as address:
        yield address


@pytest.fixture
async def desk(there: Workspace, url: str) -> AsyncIterator[Bench]:
    """The app with a token that may do everything, found as this server's own workspace."""
    own = url.removesuffix("/togai")
    async with bench(app, {"secret_key": there.secret}, server_url=own, now=clock.now()) as it:
        yield it


async def test_the_connection_is_tested(desk: Bench, url: str) -> None:
    assert await desk.test() == "This server's billing workspace accepted the key."
    async with bench(app, {"secret_key": "not-a-key-of-here", "base_url": url}) as stranger:
        with pytest.raises(AuthFailed) as refused:
            await stranger.test()
    assert refused.value.field == "secret_key"
    async with bench(app, {"secret_key": desk.credentials.secret_key, "base_url": f"{url}/elsewhere"}) as lost:
        with pytest.raises(Misconfigured) as misplaced:
            await lost.test()
    assert misplaced.value.field == "base_url"


async def test_a_token_without_the_scope_is_told_which_one_is_missing(there: Workspace, url: str) -> None:
    limited = await there.tokens.generate(name="Reader", scopes=["accounts:read"])
    async with bench(app, {"secret_key": limited.secret, "base_url": url}) as desk:
        await desk.test()
        wanted = {"entity_id": "ACC-1", "setting_id": "FirstPromoterTid"}
        with pytest.raises(AuthFailed, match="settings:read"):
            await desk.run("get_setting", wanted)


async def test_a_setting_is_saved_read_and_changed(desk: Bench) -> None:
    wanted = {"entity_id": "ACC-1", "setting_id": "FirstPromoterLeadId"}
    assert not (await desk.run("get_setting", {**wanted, "customer_id": "CUS-1"})).found
    await desk.run("save_setting", {**wanted, "value": 1})
    await desk.run("save_setting", {**wanted, "value": 2})
    with pytest.raises(AlreadyApplied):
        await desk.run("save_setting", {**wanted, "value": 2})
    assert (await desk.run("get_setting", wanted)).value == "2"
    assert (await desk.run("get_account", {"account_id": "ACC-1"})).settings == {"FirstPromoterLeadId": "2"}


async def test_a_customers_setting_stands_in_for_its_account(desk: Bench) -> None:
    saved = {"entity_type": "CUSTOMER", "entity_id": "CUS-1", "setting_id": "FirstPromoterTid", "value": "t1"}
    await desk.run("save_setting", saved)
    asked = {"entity_id": "ACC-1", "setting_id": "FirstPromoterTid", "customer_id": "CUS-1"}
    assert (await desk.run("get_setting", asked)).value == "t1"


async def test_a_plan_is_attached_replaced_and_detached(desk: Bench, there: Workspace) -> None:
    growth, referral = await there.plan("Growth"), await there.plan("Referral Growth")
    first = await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Growth"})
    assert (first.price_plan_id, first.effective_from) == (growth, TODAY)
    second = await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": referral})
    assert (second.price_plan_name, second.effective_from) == ("Referral Growth", TOMORROW)
    with pytest.raises(AlreadyApplied) as done:
        await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Referral Growth"})
    assert done.value.output == second
    gone = await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": "Referral Growth"})
    assert gone.price_plan_ids == [referral]
    with pytest.raises(AlreadyApplied):
        await desk.run("detach_price_plan", {"account_id": "ACC-1", "price_plan": "Referral Growth"})
    attached = await there.events("price_plan.attached")
    assert len(attached) == 2
    assert len(await there.events("price_plan.detached")) >= 1


async def test_a_draft_plan_cannot_be_attached(desk: Bench, there: Workspace) -> None:
    draft = {"name": "Next year", "pricePlanDetails": {"supportedCurrencies": ["USD"]}}
    await there.done("POST", "/price_plans", draft)
    with pytest.raises(Rejected, match="Next year is DRAFT"):
        await desk.run("attach_price_plan", {"account_id": "ACC-1", "price_plan": "Next year"})


async def test_customers_and_accounts_are_created_once(desk: Bench, there: Workspace) -> None:
    customer = {"id": "CUS-2", "name": "Fjord Analytics", "email": "ops@fjord.example", "address": {"country": "NO"}}
    made = await desk.run("create_customer", customer)
    with pytest.raises(AlreadyApplied) as done:
        await desk.run("create_customer", customer)
    assert done.value.output == made
    account = {"id": "ACC-2B", "customer_id": "CUS-2", "name": "Fjord Labs", "currency": "JPY"}
    opened = await desk.run("create_account", account)
    with pytest.raises(AlreadyApplied):
        await desk.run("create_account", account)
    with pytest.raises(Rejected):
        await desk.run("create_account", {**account, "name": "Another name"})
    assert (opened.currency, opened.customer_id) == ("JPY", "CUS-2")
    listed = await desk.run("list_accounts", {"customer_id": "CUS-2"})
    assert "ACC-2B" in [item.account_id for item in listed.accounts]
    assert "ACC-1" not in [item.account_id for item in listed.accounts]
    assert len(await there.events("customer.created")) == 2


async def test_a_payment_pays_its_invoice_once(desk: Bench, there: Workspace) -> None:
    invoice = await there.invoice(2499)
    payment = {
        "account_id": "ACC-1", "invoice_id": invoice["id"], "amount": 249900, "currency": "USD",
        "transaction_number": "pay_1", "source_name": "Razorpay",
    }  # fmt: skip
    before = await desk.run("get_invoice", {"invoice_id": invoice["id"]})
    made = await desk.run("record_payment", payment)
    with pytest.raises(AlreadyApplied) as done:
        await desk.run("record_payment", payment)
    after = await desk.run("get_invoice", {"invoice_id": invoice["id"]})
    assert done.value.output == made == await desk.look_up("record_payment", payment)
    assert (before.status, before.total, before.paid, before.currency) == ("DUE", "2499.00", "0.00", "USD")
    assert (after.status, after.paid, after.account_id) == ("PAID", "2499.00", "ACC-1")
    assert len(await there.events("invoice.paid")) == 1


async def test_a_credit_is_granted_once_for_one_effect(desk: Bench, there: Workspace) -> None:
    credit = {"account_id": "ACC-1", "amount": 24990, "currency": "USD", "purpose": "Referral reward"}
    first = await desk.run("grant_credit", credit)
    again = await desk.run("grant_credit", credit)
    other = await desk.run("grant_credit", credit, effect_key="another effect")
    assert first.credit_id == again.credit_id != other.credit_id
    with pytest.raises(Rejected, match="billed in USD"):
        await desk.run("grant_credit", {**credit, "currency": "EUR"})
    assert len(await there.events("credit.granted")) == 2


async def test_any_path_can_be_called(desk: Bench) -> None:
    answer = await desk.run("api_call", {"path": "/accounts/ACC-1/credit_balance"})
    assert answer.status == 200
