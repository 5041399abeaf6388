"""What each ready-made flow is for: what has to be there, the fact that starts it, and what the vendors then have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.apps.slack.twin import SlackTwin
from affluent.apps.smtp.tests.mail_server import PASSWORD, USER, MailServer, mail_server
from affluent.kit import clock
from tests.contract.firstpromoter import test_flows as promoting
from tests.contract.razorpay.market import Market, market
from tests.support.serving import served

PRICE = 249_900


class Once(dict[str, str]):
    """Answers that a mail server gives once each."""

    def get(self, key: str, default: Any = None) -> Any:
        """The answer, which is then used up."""
        return self.pop(key, default)


@dataclass
class Stage:
    """A seller's hub, every vendor around it, and what a case remembers."""

    shop: Market
    slack: SlackTwin
    mail: MailServer
    account: str = ""
    invoice: str = ""
    link: str = ""
    asked: str = ""
    """Id of what a customer is asked to pay at Razorpay."""
    hook: Any = field(default_factory=dict)
    days: int = 0
    """Days by which the clock of this process was set forward."""

    async def referred(self) -> None:
        """An account that a promoter brought."""
        await self.shop.enable("sync_new_accounts")
        self.account = await self.shop.account(1, tid="tid_001", currency="USD")

    async def sold(self) -> None:
        """A sale of it that is tracked, and whose plan is attached."""
        await self.referred()
        await self.shop.enable("track_referral_sale", default_plan=await self.shop.plan())
        await promoting.pay(self.shop, self.account)
        self.invoice = self.shop.promoter.books()["sales"][0]["event_id"]

    async def on_a_plan(self) -> None:
        """A referred account with one price plan."""
        await self.referred()
        plan = await self.shop.bill("GET", f"/price_plans?name={await self.shop.plan()}")
        span = {"effectiveFrom": clock.now().date().isoformat(), "effectiveUntil": "9999-01-01"}
        body = {"mode": "ASSOCIATE", "pricePlanId": plan["data"][0]["id"], **span}
        await self.shop.bill("POST", f"/accounts/{self.account}/price_plans", body)

    async def asked_to_pay(self, kind: str = "invoice") -> None:
        """An invoice that the customer is asked to pay at Razorpay."""
        await self.shop.enable("sync_accounts_to_razorpay")
        await self.shop.enable("create_payment_request", kind=kind)
        self.account = await self.shop.account()
        self.invoice = await self.shop.invoice(self.account)
        books = self.shop.razorpay.books()
        (request,) = books["payment_links" if kind == "payment link" else "invoices"]
        self.asked = str(request["id"])

    async def backfill(self) -> None:
        """Trigger now, done to its end."""
        await self.shop.hub.polls.backfill(self.link)
        await self.shop.hub.background_jobs.find()
        while duties := await self.shop.hub.background_jobs.take(8):
            for duty in duties:
                await self.shop.hub.background_jobs.perform(duty)
        await self.shop.settle()

    async def pay_online(self, **options: Any) -> None:
        """The customer pays what they were asked for."""
        await self.shop.control("pay", id=self.asked, **options)

    async def refund(self) -> None:
        """The invoice is refunded."""
        for status in ("REFUND_INITIATED", "REFUND_COMPLETED"):
            await self.shop.bill("PATCH", f"/invoices/{self.invoice}", {"status": status})

    async def detach(self) -> None:
        """The account loses its only price plan after today."""
        tomorrow = clock.now().date() + timedelta(days=1)
        body = {"mode": "DISASSOCIATE", "effectiveFrom": tomorrow.isoformat(), "effectiveUntil": "9999-01-01"}
        await self.shop.bill("POST", f"/accounts/{self.account}/price_plans", body)

    async def end_of_the_plan(self) -> None:
        """The account loses its only price plan, and the last day of it goes by."""
        await self.detach()
        await self.shop.settle()
        assert await self.kept("cancellations") == 0
        self.days += 1
        clock.shift(timedelta(days=1))

    async def leave(self) -> None:
        """The customer leaves."""
        await self.shop.bill("DELETE", f"/accounts/{self.account}")

    async def sales(self) -> Any:
        """What FirstPromoter has tracked."""
        return [(sale["amount"], sale["currency"]) for sale in self.shop.promoter.books()["sales"]]

    async def kept(self, shelf: str) -> int:
        """How many records FirstPromoter has."""
        return len(self.shop.promoter.books()[shelf])

    async def paid(self) -> Any:
        """Amounts of the payments that billing has recorded."""
        return [amount for _, amount in await self.shop.payments()]

    async def said(self) -> Any:
        """Beginnings of what was said in the channel."""
        return [message["text"].partition(":")[0] for message in self.slack.messages.get("channel", [])]


Act = Callable[[Stage], Awaitable[object]]


async def nothing(_stage: Stage) -> None:
    """Nothing has to be there."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One flow: `before` it is enabled, what `happens`, what is `seen` then; the vendor that is away, and its answer."""

    before: Act = nothing
    happens: Act
    seen: Act
    expected: object
    away: str
    path: str
    status: int = 503
    inputs: dict[str, Any] = field(default_factory=dict)

    def break_vendor(self, stage: Stage) -> None:
        """The vendor is not there for the next call."""
        if self.away == "mail":
            stage.mail.replies = Once(MAIL="451 4.3.0 come back later")
            return
        twin = stage.slack if self.away == "slack" else getattr(stage.shop, self.away)
        twin.fail_next(self.status, path=self.path)


async def _account(stage: Stage) -> None:
    stage.account = await stage.shop.account(1, tid="tid_001", currency="USD")


async def _invoice(stage: Stage) -> None:
    await stage.shop.invoice(stage.account)


async def _razorpay_customer(stage: Stage) -> None:
    await stage.shop.enable("sync_accounts_to_razorpay")
    stage.account = await stage.shop.account()


async def _link(stage: Stage) -> None:
    await stage.referred()
    notes = {"togai_account_id": stage.account, "togai_customer_id": "CUS-1"}
    wanted = {"amount": PRICE, "currency": "INR", "notes": notes}
    stage.asked = stage.shop.razorpay._books.create_payment_link(wanted)["id"]


async def _in_parts(stage: Stage) -> None:
    await stage.asked_to_pay()
    stage.shop.razorpay._books.invoices[stage.asked]["partial_payment"] = True


async def _lost_sale(stage: Stage) -> None:
    await stage.referred()
    await stage.shop.enable("track_referral_sale")
    stage.shop.promoter.fail_next(422, path="/track/sale", body='{"message": "amount is invalid"}')


async def _commission(stage: Stage) -> None:
    url, event = await promoting.rewarded(stage.shop)
    stage.hook = {"url": url, "event": event}


async def _approve(stage: Stage) -> None:
    for _ in range(3):
        assert await promoting.deliver(stage.shop, stage.hook["url"], stage.hook["event"]) == 200


async def _granted(stage: Stage) -> object:
    granted = await stage.shop.bill("GET", "/credits?account_id=ACC-77")
    return [item["creditAmount"] for item in granted["data"]]


CASES: dict[str, Case] = {
    "sync_new_accounts": Case(
        happens=_account, seen=lambda stage: stage.kept("referrals"), expected=1, away="promoter", path="/track/signup"
    ),
    "backfill_existing_customers": Case(
        before=_account, happens=Stage.backfill, seen=lambda stage: stage.kept("referrals"), expected=1,
        away="promoter", path="/track/signup",
    ),
    "track_referral_sale": Case(
        before=Stage.referred, happens=lambda stage: promoting.pay(stage.shop, stage.account), seen=Stage.sales,
        expected=[(PRICE, "USD")], away="promoter", path="/track/sale",
    ),
    "track_refund": Case(
        before=Stage.sold, happens=Stage.refund, seen=lambda stage: stage.kept("refunds"), expected=1,
        away="promoter", path="/track/refund",
    ),
    "track_cancellation": Case(
        before=Stage.on_a_plan, happens=Stage.end_of_the_plan, seen=lambda stage: stage.kept("cancellations"), expected=1,
        away="promoter", path="/track/cancellation",
    ),
    "track_cancellation_archived": Case(
        before=Stage.referred, happens=Stage.leave, seen=lambda stage: stage.kept("cancellations"), expected=1,
        away="promoter", path="/track/cancellation",
    ),
    "reward_promoters_with_credit": Case(
        before=_commission, happens=_approve, seen=_granted, expected=[50], away="togai", path="/credits"
    ),
    "sync_accounts_to_razorpay": Case(
        happens=_account, seen=lambda stage: _size(stage.shop.razorpay.books()["customers"]), expected=1,
        away="razorpay", path="/customers",
    ),
    "create_payment_request": Case(
        before=_razorpay_customer, happens=_invoice, seen=lambda stage: _size(stage.shop.razorpay.books()["invoices"]),
        expected=1, away="razorpay", path="/v1/invoices",
    ),
    "mark_invoice_paid": Case(
        before=Stage.asked_to_pay, happens=Stage.pay_online, seen=Stage.paid, expected=[Decimal(2499)],
        away="togai", path="/payments",
    ),
    "mark_invoice_paid_by_link": Case(
        before=lambda stage: stage.asked_to_pay("payment link"), happens=Stage.pay_online, seen=Stage.paid,
        expected=[Decimal(2499)], away="togai", path="/payments",
    ),
    "record_partial_payment": Case(
        before=_in_parts, happens=lambda stage: stage.pay_online(amount=100_000), seen=Stage.paid,
        expected=[Decimal(1000)], away="togai", path="/payments",
    ),
    "track_sale_on_razorpay_payment": Case(
        before=_link, happens=Stage.pay_online, seen=Stage.sales, expected=[(PRICE, "INR")],
        away="promoter", path="/track/sale",
    ),
    "notify_slack_of_new_accounts": Case(
        happens=_account, seen=Stage.said, expected=["New account *Northwind 1* (ACC-1), billed in USD."],
        away="slack", path="/services", status=429,
    ),
    "notify_slack_of_due_invoices": Case(
        before=_account, happens=_invoice, seen=lambda stage: _size(stage.slack.messages["channel"]), expected=1,
        away="slack", path="/services", status=429,
    ),
    "notify_slack_of_lost_sales": Case(
        before=_lost_sale, happens=lambda stage: promoting.pay(stage.shop, stage.account), seen=Stage.said,
        expected=["*A sale was not tracked"], away="slack", path="/services", status=429,
    ),
    "email_invoice_to_customer": Case(
        before=_account, happens=_invoice, seen=lambda stage: _size(stage.mail.sent), expected=1, away="mail", path=""
    ),
}  # fmt: skip


async def _size(records: Any) -> int:
    return len(records)


@asynccontextmanager
async def staged(data_dir: Path) -> AsyncIterator[Stage]:
    """A seller's hub with connections to its workspace, both vendors, a channel and a mail server."""
    slack = SlackTwin()
    channel = Starlette(routes=[Mount("/slack", slack.application())])
    async with market(data_dir) as shop, served(channel) as url, mail_server() as mail:
        await shop.connect()
        fields: dict[str, dict[str, Any]] = {
            "slack": {"webhook_url": f"{url}/slack/services/T/B/channel"},
            "smtp": {
                "host": "127.0.0.1", "port": mail.port, "security": "none", "username": USER, "password": PASSWORD,
                "sender": "billing@example.com",
            },
        }  # fmt: skip
        for app, given in fields.items():
            shop.connections[app] = (await shop.hub.connections.create(app=app, name=app, fields=given)).id
        stage = Stage(shop, slack, mail)
        try:
            yield stage
        finally:
            clock.shift(-timedelta(days=stage.days))


async def enabled(stage: Stage, key: str) -> Case:
    """The case of a flow, with everything that it needs, and the flow enabled unless `before` did that."""
    case = CASES[key]
    await case.before(stage)
    await stage.shop.settle()
    if not stage.hook:
        stage.link = await stage.shop.enable(key, **case.inputs)
    return case
