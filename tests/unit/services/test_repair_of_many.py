"""The books of 10,000 invoices, spoiled in every way and repaired: the remainder is 0.00 in five currencies, nothing is doubled."""

from __future__ import annotations

from collections import Counter

from affluent import catalog
from affluent.domain.reconciliation.legs import lines_of
from affluent.domain.reconciliation.statement import Class, Kind, Leg, Line, Said, Totals
from affluent.services.reconciliation.repair_plan import BY_HAND, REPLAY, RESUME, Call, Planner
from tests.support.money import CURRENCIES, Books, books, rules

APPS = catalog.load().apps
PLANNER = Planner(APPS, [("con_fp", "firstpromoter"), ("con_rp", "razorpay")])


def open_lines(made: Books) -> list[Line]:
    """Lines whose money nobody has explained."""
    cases = {record.case_id for record in made.records.values()}
    return [line for case in cases for line in lines_of(case, made.records.values(), rules()) if line.open]


def planned(made: Books) -> list[tuple[Line, Call]]:
    """What a repair would do."""
    records = list(made.records.values())
    return [(line, call) for line in open_lines(made) for call in PLANNER.plan(1, line, records)]  # type: ignore[arg-type]  # a record has what a row has


def done(made: Books, line: Line, call: Call) -> None:
    """The vendor's books after a call; a person's doing where there is none."""
    given = call.inputs or {}
    if call.how == BY_HAND:
        by_hand(made, line)
    elif call.how == RESUME and line.leg is Leg.PAYMENT:
        made.says("receipt", Said.APPLIED)
        made.put("receipt", Kind.RECEIPT, f"{made.records['payment'].id}/{made.id}", made.gross)
    elif call.how in (RESUME, REPLAY):
        is_sale = line.leg is Leg.SALE
        made.says("sale" if is_sale else "sale_refund", Said.APPLIED)
        made.sell(
            f"resumed {line.leg}", made.id if is_sale else f"refund-{made.id}", made.net if is_sale else -made.net
        )
    elif call.app == "razorpay":
        money = {"currency": line.currency, "account_id": line.account_id, "payment": given["payment_id"]}
        made.put(call.effect_key, Kind.PAYMENT_REFUND, call.effect_key, int(given["amount"]), **money)
    elif not any(
        record.facts.get("sale") == given["event_id"] for record in made.records.values() if record.facts.get("part")
    ):
        sign = 1 if call.action == "track_sale" else -1
        facts = {"account_id": given["uid"], "basis_currency": given["currency"]}
        made.sell(call.effect_key, given["event_id"], sign * int(given["amount"]), **facts)


def by_hand(made: Books, line: Line) -> None:
    """A person settles at the gateway, or writes down here, what no call can."""
    payment = made.records.get("payment")
    if line.name is Class.REFUNDED_THERE_ONLY:
        del made.records["gateway refund"]
    elif line.leg is Leg.PAYMENT and payment is not None and "receipt" not in made.records:
        case = {"case_id": made.id}
        made.records["payment"] = payment._replace(**case)
        made.put("receipt", Kind.RECEIPT, payment.id, payment.amount)
    elif line.leg is Leg.PAYMENT:
        made.put("payment", Kind.PAYMENT, f"pay_{made.id}", made.gross)
    else:
        made.change("sale", facts={"basis": made.net})


def test_every_kind_is_repaired_until_nothing_is_open_and_a_second_repair_has_nothing_to_do() -> None:
    totals, hands, before = Totals(), Counter[str](), Counter[str]()
    for kind, made in books(10_000):
        before.update(line.currency for line in open_lines(made))
        for line, call in planned(made):
            hands.update([kind] if call.how == BY_HAND else [])
            done(made, line, call)
        assert planned(made) == [], kind
        for case in {record.case_id for record in made.records.values()}:
            for line in lines_of(case, made.records.values(), rules()):
                assert line.name is not Class.DOUBLED_THERE, kind
                totals.add(line)
    assert set(before) >= set(CURRENCIES)
    assert {currency: open_ for currency, open_ in totals.remainder().items() if open_} == {}
    assert set(hands) == {
        "money given back unasked", "payment missing", "payment differs",
        "payment in another currency", "payment of another account", "payment not recorded", "payment of nothing",
    }  # fmt: skip
