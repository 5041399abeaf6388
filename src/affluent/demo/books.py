"""Holds our journal against the twins' own books: the demo's exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.store import tables

_DONE = ("applied", "already_applied")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What came of the story, by our journal, and where the twins say otherwise."""

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
        """Whether the twins' books and ours say the same, and nothing was lost or doubled."""
        return not self.differences and not self.lost and not self.duplicates_at_vendor

    def as_json(self) -> JSONObject:
        """The result as printed."""
        shown = {name: getattr(self, name) for name in self.__slots__ if name != "differences"}
        return {**shown, "seconds": round(self.seconds, 1), "differences": list(self.differences)}

    def commissions_in_words(self) -> list[str]:
        """Commissions with their currency."""
        return [str(Money(minor, currency)) for currency, minor in sorted(self.commissions.items())]


async def compare(hub: Hub, theirs: dict[str, JSONObject], *, seconds: float) -> Books:
    """Our journal against the twins' books, by app."""
    ours = await hub.database.read(_count)
    books = theirs["firstpromoter"]
    captured = [payment for payment in theirs["razorpay"]["payments"] if payment["status"] == "captured"]
    done, referred_sales = ours["done"], {key.rsplit("/", 1)[-1] for key in ours["sales"]}
    differences = [
        f"{name}: we say {mine}, there it is {other}"
        for name, mine, other in (
            ("sign-ups", done["track_signup"], len(books["referrals"])),
            ("sales", done["track_sale"], len(books["sales"])),
            ("refunds", done["track_refund"], len(books["refunds"])),
            ("cancellations", done["track_cancellation"], len(books["cancellations"])),
            ("payments at Razorpay", done["record_payment"], len(captured)),
        )
        if mine != other
    ]
    theirs_sold = {sale["event_id"]: (sale["amount"], sale["currency"]) for sale in books["sales"]}
    differences += [f"sale {event_id} is missing there" for event_id in sorted(referred_sales - theirs_sold.keys())]
    differences += [f"sale {event_id} is not ours" for event_id in sorted(theirs_sold.keys() - referred_sales)]
    for key, minor, currency in ours["amounts"]:
        event_id = key.rsplit("/", 1)[-1]
        if event_id in theirs_sold and theirs_sold[event_id] != (minor, currency):
            differences.append(f"sale {event_id}: we sent {minor} {currency}, there it is {theirs_sold[event_id]}")
    commissions: Counter[str] = Counter()
    for commission in books["commissions"]:
        commissions[commission["currency"]] += commission["amount"]
    return Books(
        events=ours["events"],
        runs=ours["runs"],
        signups_tracked=done["track_signup"],
        sales_tracked=done["track_sale"],
        not_referred=ours["not_referred"],
        refunds_tracked=done["track_refund"],
        cancellations_tracked=done["track_cancellation"],
        plans_attached=done["attach_price_plan"],
        retries=ours["retries"],
        razorpay_payments=done["record_payment"],
        duplicates_at_vendor=int(books["duplicates"]),
        lost=ours["lost"],
        commissions=dict(commissions),
        seconds=seconds,
        differences=tuple(differences),
    )


def _count(connection: Connection) -> JSONObject:
    effects, runs, attempts = tables.effects, tables.runs, tables.attempts
    done = Counter(
        {
            row.action: row.number
            for row in connection.execute(
                select(effects.c.action, func.count().label("number"))
                .where(effects.c.fate.in_(_DONE))
                .group_by(effects.c.action)
            )
        }
    )
    sales = connection.execute(
        select(effects.c.key, effects.c.amount_minor, effects.c.currency).where(
            effects.c.action == "track_sale", effects.c.fate.in_(_DONE)
        )
    ).all()
    number = func.count()
    return {
        "done": done,
        "sales": [row.key for row in sales],
        "amounts": [tuple(row) for row in sales],
        "events": connection.execute(select(number).select_from(tables.events)).scalar_one(),
        "runs": connection.execute(select(number).select_from(runs)).scalar_one(),
        "not_referred": connection.execute(
            select(number).select_from(runs).where(runs.c.state == "skipped", runs.c.sentence.ilike("not referred%"))
        ).scalar_one(),
        "retries": connection.execute(
            select(number).select_from(attempts).where(attempts.c.outcome == "retry")
        ).scalar_one(),
        "lost": connection.execute(
            select(number).select_from(runs).where(runs.c.state.not_in(("succeeded", "skipped")))
        ).scalar_one(),
    }
