"""Togai: a billing platform, in the cloud or as this server's own workspace."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.togai import books, commission_credits, directory, ledger, money, plans, webhook
from affluent.apps.togai import call_api as raw
from affluent.apps.togai import directory_sync as mirror
from affluent.apps.togai.client import FAULTS, misplaced
from affluent.apps.togai.schemas import Credentials
from affluent.apps.togai.triggers import TRIGGERS
from affluent.sdk import FOREVER, App, AuthFailed, Category, Context, Effect, Limit
from affluent.sdk.facts import EffectKind, PositionCall

UNKNOWN = "It is looked up before it is sent again"

app = App(
    key="togai",
    title="Togai",
    description="Usage billing: customers, accounts, price plans, invoices, payments and credits.",
    category=Category.BILLING,
    folder=Path(__file__).parent,
    credentials=Credentials,
    base_url=lambda credentials, server_url: credentials.base_url or f"{server_url.rstrip('/')}/togai",
    headers=lambda credentials: {"Authorization": f"Bearer {credentials.secret_key.get_secret_value()}"},
    is_local=lambda credentials: not credentials.base_url,
    mirror=mirror.records,
    limit=Limit(requests=10, per_seconds=1),
    faults=FAULTS,
    glyph="receipt",
    key_help="Admin Center, API tokens, Generate new token: copy the secret key, it is shown only once.",
    webhook=webhook.SCHEME,
    books=books.BOOKS,
)
app.triggers_are(TRIGGERS)


@app.test
async def test(ctx: Context[Credentials]) -> str:
    """Read one account: the cheapest call that a wrong key and a wrong address both fail."""
    where = "Togai" if ctx.credentials.base_url else "This server's billing workspace"
    try:
        answer = await ctx.http.request("GET", "/accounts", query={"pageSize": 1}, faults={404: misplaced})
        if not isinstance(answer.json(), dict):
            raise misplaced(answer)
    except AuthFailed as refusal:
        if refusal.status != 403:
            raise
        return f"{where} knows the key; its token may not read accounts."
    return f"{where} accepted the key."


app.action(
    "get_account",
    title="Get an account",
    effect=Effect.READ,
    sample="get_account.json",
    answers={"404": "Failed: there is no such account"},
)(directory.get_account)
app.action(
    "list_accounts",
    title="List accounts",
    effect=Effect.READ,
    sample="list_accounts.json",
)(directory.list_accounts)
app.action(
    "get_setting",
    title="Get a setting",
    effect=Effect.READ,
    sample="get_setting.json",
    answers={"none": "Done: found is false"},
)(directory.get_setting)
app.action(
    "save_setting",
    title="Save a setting",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="save_setting.json",
    key_lasts=FOREVER,
    same=("entity_id", "setting_id"),
    answers={"same value": "Counts as done, nothing is written", "409 on create": "Changed instead"},
    facts=money.saved_setting,
)(directory.save_setting)
app.action(
    "attach_price_plan",
    title="Attach a price plan",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="attach_price_plan.json",
    key_lasts=FOREVER,
    same=("account_id",),
    answers={"attached already": "Counts as done, nothing is written", "no such plan": "Failed: choose an active plan"},
)(plans.attach_price_plan)
app.action(
    "detach_price_plan",
    title="Detach a price plan",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="detach_price_plan.json",
    key_lasts=FOREVER,
    same=("account_id",),
    answers={"not attached": "Counts as done, nothing is written"},
)(plans.detach_price_plan)
app.action(
    "create_customer",
    title="Create a customer",
    effect=Effect.IDEMPOTENT_WRITE,
    key_field="id",
    key_lasts=FOREVER,
    same=("id",),
    sample="create_customer.json",
    answers={"id taken, same name and e-mail": "Counts as done", "id taken by another": "Failed"},
)(directory.create_customer)
app.action(
    "create_account",
    title="Create an account",
    effect=Effect.IDEMPOTENT_WRITE,
    key_field="id",
    key_lasts=FOREVER,
    same=("customer_id",),
    sample="create_account.json",
    identifies={"account": "account_id"},
    answers={"id taken, same name and customer": "Counts as done", "id taken by another": "Failed"},
)(directory.create_account)
app.action(
    "get_invoice",
    title="Get an invoice",
    effect=Effect.READ,
    sample="get_invoice.json",
    answers={"404": "Failed: there is no such invoice"},
)(ledger.get_invoice)
app.action(
    "record_payment",
    title="Record a payment",
    effect=Effect.WRITE,
    key_field="transaction_number",
    same=("account_id",),
    sample="record_payment.json",
    look_up=ledger.find_payment,
    money=("amount", "currency"),
    answers={"recorded before": "Counts as done, nothing is written", "no answer": UNKNOWN},
    facts=money.recorded_payment,
)(ledger.record_payment)
app.action(
    "grant_credit",
    title="Grant a credit",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="grant_credit.json",
    key_lasts=FOREVER,  # the key is a field of the credit, and unique
    look_up=ledger.find_credit,
    same=("account_id",),
    money=("amount", "currency"),
    answers={
        "no answer": "Sent again under the same idempotency key",
        "another currency": "Failed: nothing is granted",
    },
    facts=money.granted_credit,
)(ledger.grant_credit)
for _key, _title, _kind, _does in (
    (
        "grant_commission_credit",
        "Grant credit for a commission",
        EffectKind.CREDIT,
        commission_credits.grant_commission_credit,
    ),
    (
        "take_back_commission_credit",
        "Take back the credit for a commission",
        EffectKind.CREDIT_BACK,
        commission_credits.take_back_commission_credit,
    ),
):
    app.action(
        _key,
        title=_title,
        effect=Effect.IDEMPOTENT_WRITE,
        sample=f"{_key}.json",
        key_field="commission_id",
        key_lasts=FOREVER,  # found by its purpose, or by its idempotency key
        same=("account_id",),
        money=("amount", "currency"),
        position=PositionCall(
            kind=_kind,
            about="commission_id",
            account="account_id",
            worth="unit_value",
            unit="unit",
            currency="currency",
        ),
        facts=money.commission_credit,
        answers={
            "another currency": "Failed: nothing is granted",
            "used already, or another amount": "Failed: a person settles it with the promoter",
        },
    )(_does)
app.action(
    "api_call",
    title="Call the API",
    effect=Effect.WRITE,
    sample="api_call.json",
    answers={"2xx": "Done", "no answer to a write": "Unknown: it cannot be looked up, so a person decides"},
)(raw.api_call)
