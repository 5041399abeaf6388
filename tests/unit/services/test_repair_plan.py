"""What a plan would do to the seeded books: every line that is not left to a person is closed, and nothing comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from affluent.catalog import load
from affluent.domain.reconciliation.legs import lines_of
from affluent.domain.reconciliation.statement import Kind, Line
from affluent.services.reconciliation.repair_plan import ADD, BY_HAND, REPLAY, RESUME, Call, Planner
from tests.support.money import Books, books, rules

PLANNER = Planner(load().apps, [("con_fp", "firstpromoter"), ("con_rzp", "razorpay")])
LEFT_TO_PEOPLE = {
    "money given back unasked",
    "payment missing",
    "payment differs",
    "payment in another currency",
    "payment of another account",
    "payment not recorded",
    "payment of nothing",
    "refunded there only",  # only its gateway side, when there is one
}


def compared(made: Books) -> Iterator[Line]:
    """The open lines of one invoice's books."""
    for case_id in sorted({record.case_id for record in made.records.values()}):
        records = [record for record in made.records.values() if record.case_id == case_id]
        yield from (line for line in lines_of(case_id, records, rules()) if line.open)


def planned(made: Books) -> list[Call]:
    """The calls for its open lines."""
    found = list(compared(made))
    return [
        call for number, line in enumerate(found) for call in PLANNER.plan(number, line, list(made.records.values()))
    ]


class Vendors:
    """Vendors that take every id once, as the real ones do."""

    def __init__(self, made: Books) -> None:
        self.made = made
        self.taken: set[str] = set()
        self.refused = 0

    def do(self, call: Call, lines: list[Line]) -> None:
        """Make a call."""
        if call.how == BY_HAND:
            return
        if call.effect_key in self.taken:
            self.refused += 1
            return
        self.taken.add(call.effect_key)
        if call.how in (RESUME, REPLAY):
            self._again(lines[call.line])
            return
        given = call.inputs or {}
        if call.app == "razorpay":
            name, payment = f"r{len(self.taken)}", given["payment_id"]
            self.made.put(name, Kind.PAYMENT_REFUND, f"{payment}/r", given["amount"], payment=payment)
            return
        sign = 1 if call.action == "track_sale" else -1
        self.made.sell(
            f"r{len(self.taken)}", given["event_id"], sign * given["amount"], account_id=given["uid"],
            basis_currency=given["currency"],
        )  # fmt: skip

    def _again(self, line: Line) -> None:
        """The run goes through: what was to be written is written."""
        if line.leg == "payment":
            self.made.put("receipt", Kind.RECEIPT, f"{self.made.id}/r", line.theirs)
        else:
            self.made.sell(f"r{len(self.taken)}", self.made.id, line.ours, account_id=line.account_id)


def test_a_repair_closes_every_line_of_ten_thousand_invoices_that_is_not_left_to_a_person() -> None:
    left: Counter[str] = Counter()
    closed = 0
    for kind, made in books(10_000):
        lines = list(compared(made))
        calls, vendors = planned(made), Vendors(made)
        by_hand = {(lines[call.line].leg, lines[call.line].name) for call in calls if call.how == BY_HAND}
        for call in [*calls, *calls]:
            vendors.do(call, lines)
        still = {(line.leg, line.name) for line in compared(made)}
        assert still <= by_hand, (kind, still, calls)
        assert vendors.refused == len([call for call in calls if call.how != BY_HAND])
        left[kind] += len(still)
        closed += len(lines) - len(still)
    assert {kind for kind, count in left.items() if count} <= LEFT_TO_PEOPLE
    assert closed > 300


def test_a_plan_is_the_same_every_time() -> None:
    for _, made in books(500, spoiled_percent=100):
        assert planned(made) == planned(made)


def test_what_is_taken_back_is_negative_and_what_is_added_is_not() -> None:
    for _, made in books(500, spoiled_percent=100):
        for call in planned(made):
            if call.action == "track_refund":
                assert call.money is not None
                assert call.money.minor_units < 0
    assert ADD == "add"
