"""The vendor's own client drives the workspace over HTTP, and its models accept every answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from affluent.kit import clock
from tests.support.lazily import Lazy
from tests.support.workspace import Workspace, served, workspace

togai = Lazy("togai_client")
FOREVER = date(9999, 1, 1)


class Client:
    """The official client, called from a thread because it waits."""

    def __init__(self, url: str, secret: str) -> None:
        self._api = togai.ApiClient(togai.Configuration(host=url, access_token=secret))

    async def __call__(self, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return await asyncio.to_thread(lambda: call(*given, **named, _request_timeout=10))

    def __getattr__(self, name: str) -> Any:
        return getattr(togai, f"{name.title().replace('_', '')}Api")(self._api)

    async def customer(self, number: int = 1, currency: str = "USD") -> Any:
        account = togai.CreateAccountRequestWithoutCustomerId(
            id=f"ACC-{number}", name=f"Company {number}", invoice_currency=currency
        )
        new = togai.CreateCustomerRequest(
            id=f"CUS-{number}",
            name=f"Company {number}",
            primary_email=f"billing@company{number}.example",
            address=togai.Address(line1="12 Harbour Street", city="Boston", country="US"),
            account=account,
        )
        return await self(self.customers.create_customer, new)

    async def plan(self, name: str = "Growth") -> Any:
        details = togai.CreatePricePlanDetails(
            supported_currencies=["USD"],
            fixed_fee_rate_cards=[
                togai.FixedFeeRateCard(
                    id="addon.1",
                    rate_values=[togai.CurrencyRateValue(currency="USD", rate=49.5)],
                    enable_proration=False,
                )
            ],
            pricing_cycle_config=togai.PricingCycleConfig(
                interval="MONTHLY",
                grace_period=3,
                start_offset=togai.PricingCycleConfigStartOffset(day_offset="1", month_offset="NIL"),
            ),
        )
        new = togai.CreatePricePlanRequest(name=name, type="BILLING", price_plan_details=details)
        plan = await self(self.price_plans.create_price_plan, new)
        request = togai.ActivatePricePlanRequest(currencies=["USD"])
        return await self(self.price_plans.activate_price_plan, plan.id, request)

    async def invoice(self, value: float, key: str = "key-1", status: str = "DUE") -> Any:
        new = togai.CreateCustomInvoiceRequest(
            account_id="ACC-1",
            start_date=datetime(2026, 7, 1, tzinfo=UTC),
            end_date=datetime(2026, 7, 31, tzinfo=UTC),
            status=status,
            idempotency_key=key,
            line_items=[togai.CustomInvoiceLineItem(description="Growth, one month", value=value)],
        )
        return await self(self.invoices.create_custom_invoice, new)

    async def pay(self, invoice_id: str, amount: float, number: str = "TX-1") -> Any:
        new = togai.CreatePaymentRequest(
            account_id="ACC-1",
            currency="USD",
            total_amount=amount,
            external_payment_reference=togai.ExternalPaymentReference(
                source_name="Bank", source_type="BANK_TRANSFER", transaction_number=number, metadata={"fee": 0.3}
            ),
            line_item_records=[
                togai.PaymentLineItemRecord(type="INVOICE", order=1, togai_id=invoice_id, amount=amount)
            ],
        )
        return await self(self.payments.create_payments, new)


@pytest.fixture
async def made(database_url: str) -> AsyncIterator[Workspace]:
    async with workspace(database_url) as found:
        yield found


@pytest.fixture
async def client(made: Workspace) -> AsyncIterator[Client]:
    async with served(made) as url:
        yield Client(url, made.secret)


async def test_a_secret_key_is_exchanged_for_a_token_that_works(made, client):
    answer = await client(client.authentication.authenticate)
    async with served(made) as url:
        again = Client(url, answer.token)
        assert (await again(again.customers.get_customers)).data == []


async def test_an_unknown_key_and_a_missing_scope_are_told_apart(made, client):
    token = await made.tokens.generate(name="Reader", scopes=["invoices:read"])
    async with served(made) as url:
        stranger, reader = Client(url, "aff_unknown"), Client(url, token.secret)
        with pytest.raises(togai.exceptions.UnauthorizedException):
            await stranger(stranger.customers.get_customers)
        with pytest.raises(togai.exceptions.ForbiddenException, match="customers:read"):
            await reader(reader.customers.get_customers)
        assert (await reader(reader.invoices.list_invoices)).data == []
        assert (await reader(reader.authentication.authenticate)).token


async def test_customers_are_created_read_changed_and_archived(client):
    created = await client.customer()
    assert (created.id, created.account.id, created.account.invoice_currency) == ("CUS-1", "ACC-1", "USD")
    change = togai.UpdateCustomerRequest(name="Company One")
    assert (await client(client.customers.update_customer, "CUS-1", change)).name == "Company One"
    found = await client(client.customers.get_customer, "CUS-1")
    assert (found.billing_address, found.status) == ("12 Harbour Street, Boston, US", "ACTIVE")
    assert (await client(client.customers.delete_customer, "CUS-1")).success
    assert (await client(client.customers.get_customer, "CUS-1")).status == "ARCHIVED"
    assert (await client(client.accounts.get_account, "ACC-1")).status == "ARCHIVED"


async def test_a_page_of_customers_is_followed_by_its_token(client):
    for number in range(1, 6):
        await client.customer(number)
    first = await client(client.customers.get_customers, page_size=3)
    second = await client(client.customers.get_customers, next_token=first.next_token)
    assert [one.id for one in [*first.data, *second.data]] == ["CUS-5", "CUS-4", "CUS-3", "CUS-2", "CUS-1"]
    assert second.next_token is None


async def test_a_customer_gets_contacts(client):
    await client.customer()
    new = togai.CreateCustomerContactRequest(
        name="Ada", email="ada@company.example", preferred_username="ada1", password="p", phone="+1 617 555 0100"
    )
    contact = await client(client.customers.create_customer_contact, "CUS-1", new)
    assert (contact.username, contact.login_access, contact.verified) == ("ada1", False, False)


async def test_accounts_are_created_read_changed_and_archived(client):
    await client.customer()
    new = togai.CreateAccountRequest(
        id="ACC-2",
        name="Second account",
        customer_id="CUS-1",
        invoice_currency="KWD",
        aliases=["second@company.example"],
        net_term_days=14,
        metadata={"gstn": "29AAA"},
        tags=["Gold", "eu"],
        billing_information=togai.AccountsBillingInformation(email_recipients=["ap@company.example"]),
        settings=[
            togai.CreateEntitySetting(
                id="FirstPromoterTid", value="tid_1", namespace="USER", name="Visitor", data_type="STRING"
            )
        ],
    )
    created = await client(client.accounts.create_account, new)
    assert (created.tags, created.settings[0].value, created.net_term_days) == (["eu", "gold"], "tid_1", 14)
    change = togai.UpdateAccountRequest(name="Renamed account", metadata={})
    assert (await client(client.accounts.update_account, "ACC-2", change)).metadata == {}
    assert [one.id for one in (await client(client.accounts.get_accounts)).data] == ["ACC-2", "ACC-1"]
    assert (await client(client.accounts.delete_account, "ACC-2")).success
    assert (await client(client.accounts.get_account, "ACC-2")).status == "ARCHIVED"
    with pytest.raises(togai.exceptions.NotFoundException):
        await client(client.accounts.get_account, "ACC-3")


async def test_aliases_are_added_listed_and_removed(client):
    await client.customer()
    until = datetime(2027, 1, 1, tzinfo=UTC)
    plain = togai.AddAccountAliasesRequest(aliases=["northwind"])
    dated = togai.AddAccountAliasesRequest(
        account_aliases=[togai.CreateAccountAliasRequest(value="old-id", effective_until=until)]
    )
    await client(client.accounts.add_aliases, "ACC-1", plain)
    account = await client(client.accounts.add_aliases, "ACC-1", dated)
    assert {one.alias for one in account.aliases} == {"northwind", "old-id"}
    listed = await client(client.accounts.list_account_aliases, "ACC-1")
    assert {one.value: one.effective_until for one in listed.data}["old-id"] == until
    gone = togai.RemoveAccountAliasesRequest(aliases=["northwind"])
    account = await client(client.accounts.remove_aliases, "ACC-1", gone)
    assert [one.alias for one in account.aliases] == ["old-id"]


async def test_settings_are_created_found_and_changed(client):
    await client.customer()
    new = togai.Setting(
        id="RazorPayCustomerId",
        value="cust_1",
        entity_type="ACCOUNT",
        entity_id="ACC-1",
        namespace="USER",
        name="RazorPayCustomerId",
        data_type="STRING",
    )
    await client(client.settings.insert_setting, new)
    full_id = "setting.USER.RazorPayCustomerId.ACCOUNT.ACC-1"
    change = togai.UpdateSettingRequest(value="cust_2")
    assert (await client(client.settings.update_setting, full_id, change)).value == "cust_2"
    assert (await client(client.settings.get_setting, full_id)).entity_id == "ACC-1"
    found = await client(client.settings.list_setting, entity_type="ACCOUNT", entity_id="ACC-1")
    assert [one.value for one in found.data] == ["cust_2"]
    assert (await client(client.settings.list_setting, setting_id="Unknown")).data == []


async def test_price_plans_are_created_activated_versioned_and_archived(client):
    plan = await client.plan()
    details = plan.pricing_schedule[0].price_plan_details
    assert (plan.status, details.active_currencies) == ("ACTIVE", ["USD"])
    assert details.fixed_fee_rate_cards[0].rate_values[0].rate == 49.5
    override = togai.CreatePricePlanDetailsOverride(supported_currencies=["USD", "EUR"])
    change = togai.UpdatePricePlanRequest(description="For teams", price_plan_details=override, migration_mode="NONE")
    changed = await client(client.price_plans.update_price_plan, plan.id, change)
    assert [one.version for one in changed.pricing_schedule] == [1, 2]
    first = await client(client.price_plans.get_price_plan, plan.id, version=1)
    assert first.pricing_schedule[0].price_plan_details.supported_currencies == ["USD"]
    (listed,) = (await client(client.price_plans.get_price_plans)).data
    assert (listed.version, listed.price_plan_details.supported_currencies) == (2, ["USD", "EUR"])
    assert (await client(client.price_plans.archive_price_plan, plan.id)).success
    assert (await client(client.price_plans.get_price_plan, plan.id)).status == "ARCHIVED"


async def test_a_plan_is_attached_previewed_and_detached(client):
    await client.customer()
    plan, today = await client.plan(), clock.now().date()
    attach = togai.UpdatePricingScheduleRequestWithActions(
        mode="ASSOCIATE", price_plan_id=plan.id, effective_from=today, effective_until=FOREVER
    )
    done = await client(client.accounts.update_pricing_schedule, "ACC-1", attach)
    assert [one.price_plan_name for one in done.pricing_schedules] == ["Growth"]
    end = togai.UpdatePricingScheduleRequest(
        mode="DISASSOCIATE", effective_from=today + timedelta(days=1), effective_until=FOREVER
    )
    edits = togai.EditPricingScheduleRequest(edits=[end])
    batch = client.accounts.update_pricing_schedule_batch
    planned = await client(batch, "ACC-1", edits, dry_run=True)
    assert planned.pricing_schedules[0].end_date.date() == today
    listed = await client(client.accounts.get_pricing_schedules, "ACC-1")
    assert listed.data[0].end_date.date() == FOREVER
    done = await client(batch, "ACC-1", edits, dry_run=False)
    assert done.pricing_schedules[0].end_date.date() == today


async def test_a_plan_is_attached_by_the_second_version_of_the_call(client):
    await client.customer()
    plan, today = await client.plan(), clock.now().date()
    edit = togai.UpdateAccountScheduleV2Request(
        mode="ASSOCIATE",
        effective_from=today,
        effective_until=FOREVER,
        association_config=togai.AssociationConfig(price_plan_id=plan.id),
    )
    request = togai.EditAccountScheduleRequest(edits=[edit])
    done = await client(client.schedules.bulk_edit_schedules, "ACC-1", request)
    assert done.pricing_schedules[0].price_plan_id == plan.id
    finalised = await client(client.schedules.finalize_account_schedules, "ACC-1", togai.FinalizeAccountSchedules())
    assert finalised.data[0].price_plan_info.name == "Growth"
    assert (await client(client.schedules.discard_account_schedules, "ACC-1")).success


async def test_a_purchase_attaches_a_plan_once(client):
    await client.customer()
    plan = await client.plan()
    new = togai.CreatePurchaseRequest(price_plan_id=plan.id, type="ASSOCIATION", idempotency_key="buy-1")
    buy = client.accounts.initiate_one_time_entitlement_plan
    first, second = await client(buy, "ACC-1", new), await client(buy, "ACC-1", new)
    assert (first.id, first.status.value) == (second.id, "SUCCESS")
    assert len((await client(client.accounts.list_account_purchases, "ACC-1")).data) == 1
    assert (await client(client.accounts.get_purchase, first.id)).price_plan_version == 1
    assert len((await client(client.accounts.get_pricing_schedules, "ACC-1")).data) == 1


async def test_an_invoice_is_made_listed_moved_and_deleted(client):
    await client.customer()
    invoice = await client.invoice(2499.0)
    assert (invoice.status.value, invoice.total_amount, invoice.sequence_id) == ("DUE", 2499.0, "INV-1001")
    assert invoice.invoice_details.account.invoice_currency == "USD"
    assert (await client.invoice(2499.0)).id == invoice.id
    listed = await client(client.invoices.list_invoices, owner_id="ACC-1", status="DUE")
    assert [one.id for one in listed.data] == [invoice.id]
    change = togai.UpdateInvoiceRequest(status="UN_COLLECTIBLE")
    assert (await client(client.invoices.update_invoice, invoice.id, change)).status.value == "UN_COLLECTIBLE"
    draft = await client.invoice(10.0, key="key-2", status="DRAFT")
    assert (await client(client.invoices.delete_custom_invoice, draft.id)).success
    with pytest.raises(togai.exceptions.NotFoundException):
        await client(client.invoices.get_invoice, draft.id)


async def test_payments_mark_an_invoice_partially_paid_and_then_paid(client):
    await client.customer()
    invoice = await client.invoice(100.1)
    payment = await client.pay(invoice.id, 40.05)
    half = await client(client.invoices.get_invoice, invoice.id)
    assert (half.status.value, half.paid_amount) == ("PARTIALLY_PAID", 40.05)
    await client.pay(invoice.id, 60.05, number="TX-2")
    assert (await client(client.invoices.get_invoice, invoice.id)).status.value == "PAID"
    reference = (await client(client.payments.get_payment, payment.id)).external_payment_references
    assert (reference.source_name, reference.metadata) == ("Bank", {"fee": 0.3})
    assert len((await client(client.payments.list_payments)).data) == 2


async def test_credits_are_granted_listed_summed_and_voided(client):
    await client.customer()
    request = togai.CreditRequest(
        account_id="ACC-1",
        purpose="REFERRAL_REWARD",
        effective_from=clock.now().date(),
        credit_amount=250,
        priority=1,
        idempotency_key="reward-1",
    )
    new = togai.CreateCreditRequest(credit_requests=[request])
    (credit,) = (await client(client.credits.create_credit, new)).credits
    assert (await client(client.credits.create_credit, new)).credits[0].id == credit.id
    assert len((await client(client.credits.list_credits, account_id="ACC-1", status="ACTIVE")).data) == 1
    balance = await client(client.credits.credit_balance_for_account, "ACC-1")
    assert (balance.available_balance, balance.unit) == (250, "USD")
    assert (await client(client.credits.void_credit, credit.id)).status == "VOIDED"
    details = await client(client.credits.get_credit_details, credit.id)
    assert [one.transaction_type for one in details.transactions] == ["CREDITED", "VOIDED"]
    assert (await client(client.credits.credit_balance_for_account, "ACC-1")).available_balance == 0
