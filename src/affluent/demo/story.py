"""The demo's story: twenty customers, their invoices, and everything that goes wrong on an ordinary day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from affluent.bootstrap import Hub
from affluent.demo.connections import Wiring
from affluent.demo.world import Outside
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, number
from affluent.kit.money import Money
from affluent.store.runs import RunFilter

CURRENCIES = ("USD", "EUR", "INR", "JPY", "KWD")
AMOUNTS = {"USD": "2499.00", "EUR": "1250.50", "INR": "189000.00", "JPY": "320000", "KWD": "741.255"}
REFERRED = 12
PAYS_ONLINE = 2
"""Number of the referred customer who pays through Razorpay, in INR."""
WEBHOOK_SECRET = "demo-webhook-secret"  # noqa: S105 - of a twin that lives as long as the demo
RAZORPAY_FLOWS: dict[str, JSONObject] = {
    "sync_accounts_to_razorpay": {},
    "create_payment_request": {"kind": "payment link"},
    "mark_invoice_paid_by_link": {},
}
UNFINISHED = ("queued", "running", "waiting")

_NAMES = (
    "Northwind Labs", "Blue Harbor", "Kestrel Analytics", "Juniper & Co", "Oakline", "Sakura Systems", "Gulf Meridian",
    "Tandem Cloud", "Peakline", "Lumen Works", "Delta Forge", "Coral Bay", "Mistral Data", "Arbor Nine", "Copperfield",
    "Velvet Sky", "Nimbus Freight", "Stonebridge", "Papaya Pay", "Quartz Mill",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One customer of the story."""

    number: int
    account_id: str
    name: str
    email: str
    currency: str
    tid: str
    """Empty: nobody referred this customer."""

    @property
    def money(self) -> Money:
        """What this customer pays a month."""
        return Money.parse(AMOUNTS[self.currency], self.currency)


def cast() -> list[Party]:
    """The twenty customers: twelve referred, eight not, in five currencies."""
    return [
        Party(
            number=number,
            account_id=f"ACC-{1000 + number}",
            name=name,
            email=f"billing@{name.lower().replace(' & ', '-').replace(' ', '-')}.example",
            currency=CURRENCIES[number % len(CURRENCIES)],
            tid=f"tid_{number + 1:03}" if number < REFERRED else "",
        )
        for number, name in enumerate(_NAMES)
    ]


class Story:
    """Plays the story and reports each step with `say`."""

    def __init__(
        self, hub: Hub, wiring: Wiring, outside: Outside, say: Callable[[str], None], *, outage_seconds: float
    ) -> None:
        self._hub = hub
        self._wiring = wiring
        self._outside = outside
        self._say = say
        self._outage_seconds = outage_seconds

    async def play(self) -> None:
        """Play the whole story; return when every run has ended."""
        await self._plans()
        everyone = cast()
        parties = [party for party in everyone if party.number != PAYS_ONLINE]
        await asyncio.gather(*(self._sign_up(party) for party in parties))
        self._say(f"{len(parties)} customers signed up, {REFERRED - 1} of them referred")
        await self.settled()
        await self._outside.twin("firstpromoter", "drop", path="/track/sale", times=1)
        self._say("The next answer of FirstPromoter will be lost after it was applied")
        await asyncio.gather(*(self._pay(party) for party in parties[:6]))
        await self.settled()
        self._say("First invoices paid and tracked")
        await self._outage(parties[6:])
        await self._repeat_an_event()
        await self._refund(parties[0])
        await self._cancel(parties[1])
        await self.settled()
        await self._pay_online(everyone[PAYS_ONLINE])

    async def settled(self, seconds: float = 60) -> None:
        """Wait until no run is queued, running or waiting."""
        async with asyncio.timeout(seconds):
            while await self._hub.runs.find(RunFilter(states=UNFINISHED), limit=1):
                await asyncio.sleep(0.02)

    async def _plans(self) -> None:
        for name in ("Growth", "Growth, partner 15% off"):
            details = {"supportedCurrencies": list(CURRENCIES)}
            plan = await self._outside.bill(
                "POST", "/price_plans", {"name": name, "type": "BILLING", "pricePlanDetails": details}
            )
            await self._outside.bill("POST", f"/price_plans/{plan['id']}/activate", {})

    async def _sign_up(self, party: Party) -> None:
        setting = {
            "id": "FirstPromoterTid",
            "value": party.tid,
            "namespace": "USER",
            "name": "Visitor id",
            "dataType": "STRING",
        }
        account = {
            "id": party.account_id,
            "name": party.name,
            "invoiceCurrency": party.currency,
            "primaryEmail": party.email,
            "settings": [setting] if party.tid else [],
        }
        customer = {"id": f"CUS-{1000 + party.number}", "name": party.name, "primaryEmail": party.email, "address": {}}
        await self._outside.bill("POST", "/customers", {**customer, "account": account})

    async def _invoice(self, party: Party) -> JSONObject:
        now = clock.now()
        return await self._outside.bill(
            "POST",
            "/invoices",
            {
                "accountId": party.account_id,
                "startDate": now.date().isoformat(),
                "endDate": (now + timedelta(days=30)).date().isoformat(),
                "status": "DUE",
                "idempotencyKey": f"story-{party.number}",
                "lineItems": [{"description": "Growth, one month", "value": number(AMOUNTS[party.currency])}],
            },
        )

    async def _pay(self, party: Party) -> None:
        invoice = await self._invoice(party)
        await self._outside.bill(
            "POST",
            "/payments",
            {
                "accountId": party.account_id,
                "currency": party.currency,
                "totalAmount": number(AMOUNTS[party.currency]),
                "externalPaymentReference": {
                    "sourceName": "Bank",
                    "sourceType": "BANK_TRANSFER",
                    "transactionNumber": f"TX-{1000 + party.number}",
                },
                "lineItemRecords": [
                    {"type": "INVOICE", "order": 1, "togaiId": invoice["id"], "amount": number(AMOUNTS[party.currency])}
                ],
            },
        )

    async def _outage(self, parties: list[Party]) -> None:
        await self._outside.twin("firstpromoter", "fail", status=503, times=1_000_000)
        self._say(f"FirstPromoter is down for {self._outage_seconds:g} seconds; invoices are paid meanwhile")
        await asyncio.gather(*(self._pay(party) for party in parties))
        await asyncio.sleep(self._outage_seconds)
        await self._outside.twin("firstpromoter", "heal")
        await self.settled()
        self._say("FirstPromoter is back; everything that waited was sent")

    async def _repeat_an_event(self) -> None:
        (event,) = await self._hub.events.find(event_type="invoice.paid", limit=1)
        detail = await self._hub.events.get(event.id)
        again = EventDraft(
            app=event.app,
            source=event.source,
            type=event.type,
            external_id=event.external_id,
            occurred_at=event.occurred_at,
            payload=detail.payload,
            account_id=event.account_id,
        )
        (accepted,) = await self._hub.database.group(self._hub.intake.accept_each, [again])
        self._say(
            "An event came twice; it was recognised" if not accepted.is_new else "A repeated event was taken for new"
        )

    async def _refund(self, party: Party) -> None:
        page = await self._outside.bill("GET", f"/invoices?owner_id={party.account_id}")
        invoice = page["data"][0]
        for status in ("REFUND_INITIATED", "REFUND_COMPLETED"):
            await self._outside.bill("PATCH", f"/invoices/{invoice['id']}", {"status": status})
        self._say(f"The invoice of {party.name} was refunded")

    async def _cancel(self, party: Party) -> None:
        await self._outside.bill("DELETE", f"/accounts/{party.account_id}")
        self._say(f"{party.name} left")

    async def _pay_online(self, party: Party) -> None:
        """From a sign-up to a payment at Razorpay, whose webhook pays the invoice, tracks the sale, attaches the plan."""
        links = [await self._wiring.switch_on(key, **inputs) for key, inputs in RAZORPAY_FLOWS.items()]
        await self._outside.twin("razorpay", "webhook", url=links[-1].webhook_url, secret=WEBHOOK_SECRET)
        await self._sign_up(party)
        await self.settled()
        await self._invoice(party)
        await self.settled()
        (asked,) = (await self._outside.records("razorpay"))["payment_links"]
        self._say(f"{party.name}, referred too, is asked to pay {party.money} at Razorpay")
        await self._outside.twin("razorpay", "pay", id=asked["id"])
        await self._wiring.arrived("razorpay")
        await self.settled()
        self._say("Paid there: its webhook paid the invoice here, the sale was tracked, the plan attached")
