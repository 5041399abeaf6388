"""Compares our journal with the records of the twins; the demo's exit code says whether they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from affluent.apps.firstpromoter.units import documented_places
from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money, from_units, in_units
from affluent.store.totals import TrackedSale, totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the story led to by our journal, and the differences from the records of the twins."""

    events: int
    runs: int
    signups_tracked: int
    sales_tracked: int
    not_referred: int
    refunds_tracked: int
    cancellations_tracked: int
    plans_attached: int
    retries: int
    razorpay_payments: int
    """Payments made at Razorpay that are recorded on an invoice here."""
    duplicates_at_vendor: int
    lost: int
    commissions: dict[str, int] = field(default_factory=dict)
    """By currency, in minor units, as the twin holds them."""
    seconds: float = 0
    differences: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the records of the twins are the same as ours, and nothing was lost or doubled."""
        return not self.differences and not self.lost and not self.duplicates_at_vendor

    def as_json(self) -> JSONObject:
        """The result as printed."""
        shown = {name: getattr(self, name) for name in self.__slots__ if name != "differences"}
        return {**shown, "seconds": round(self.seconds, 1), "differences": list(self.differences)}

    def commissions_in_words(self) -> list[str]:
        """Commissions with their currency."""
        return [str(Money(minor, currency)) for currency, minor in sorted(self.commissions.items())]


async def compare(hub: Hub, records: Mapping[str, JSONObject], *, seconds: float) -> Result:
    """Compare our journal with the records of the twins. `records`: what each twin holds, by app."""
    ours = await hub.database.read(totals)
    applied, firstpromoter = Counter(ours.applied), records["firstpromoter"]
    captured = [payment for payment in records["razorpay"]["payments"] if payment["status"] == "captured"]
    counts = (
        ("sign-ups", applied["track_signup"], len(firstpromoter["referrals"])),
        ("sales", applied["track_sale"], len(firstpromoter["sales"])),
        ("refunds", applied["track_refund"], len(firstpromoter["refunds"])),
        ("cancellations", applied["track_cancellation"], len(firstpromoter["cancellations"])),
        ("payments at Razorpay", applied["record_payment"], len(captured)),
    )
    differences = [f"{name}: we say {mine}, there it is {other}" for name, mine, other in counts if mine != other]
    differences += _sale_differences(ours.sales, firstpromoter["sales"])
    commissions: Counter[str] = Counter()
    for commission in firstpromoter["commissions"]:
        currency = commission["currency"]
        commissions[currency] += from_units(commission["amount"], currency, documented_places)
    return Result(
        events=ours.events,
        runs=ours.runs,
        signups_tracked=applied["track_signup"],
        sales_tracked=applied["track_sale"],
        not_referred=ours.not_referred,
        refunds_tracked=applied["track_refund"],
        cancellations_tracked=applied["track_cancellation"],
        plans_attached=applied["attach_price_plan"],
        retries=ours.retries,
        razorpay_payments=applied["record_payment"],
        duplicates_at_vendor=int(firstpromoter["duplicates"]),
        lost=ours.unsuccessful,
        commissions=dict(commissions),
        seconds=seconds,
        differences=tuple(differences),
    )


def _sale_differences(ours: Sequence[TrackedSale], theirs: Sequence[JSONObject]) -> Iterator[str]:
    sent = {
        sale.key.rsplit("/", 1)[-1]: (in_units(sale.amount_minor, sale.currency, documented_places), sale.currency)
        for sale in ours
    }
    held = {sale["event_id"]: (sale["amount"], sale["currency"]) for sale in theirs}
    yield from (f"sale {event_id} is missing there" for event_id in sorted(sent.keys() - held.keys()))
    yield from (f"sale {event_id} is not ours" for event_id in sorted(held.keys() - sent.keys()))
    for event_id in sorted(sent.keys() & held.keys()):
        if held[event_id] != sent[event_id]:
            yield f"sale {event_id}: we sent {sent[event_id]} in units of the tracker, there it is {held[event_id]}"
