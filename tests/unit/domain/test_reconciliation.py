"""Reconciliation finds every seeded discrepancy, raises no false alarm, and its sums close to the minor unit."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import pytest

from affluent.domain.reconciliation.cases import REPAIR
from affluent.domain.reconciliation.legs import lines, lines_of
from affluent.domain.reconciliation.statement import Class, Kind, Leg, Line, Totals
from tests.support.money import CURRENCIES, KINDS, PERIOD, Books, books, clean, rules


@cache
def everything() -> list[tuple[str, Books]]:
    """Ten thousand invoices with the kinds of what is wrong with some; made once, by the first test that looks."""
    return list(books(10_000))


def ended(made: Books) -> dict[Leg, tuple[Class, str]]:
    """Leg → (class, reason) of one invoice's books."""
    found = [
        line
        for case_id in {record.case_id for record in made.records.values()}
        for line in lines_of(case_id, made.records.values(), rules())
    ]
    return {line.leg: (line.name, line.reason) for line in found}


def line(made: Books, leg: Leg) -> Line:
    """The only line of a leg."""
    (found,) = [item for item in lines_of(made.id, made.records.values(), rules()) if item.leg is leg]
    return found


def sound(number: int = 0) -> Books:
    """Clean books of one invoice."""
    return clean(number, random.Random(3))


def test_at_least_thirty_kinds_in_five_currencies_are_seeded() -> None:
    kinds = Counter(kind for kind, _ in everything() if kind)
    assert len(kinds) == len(KINDS) >= 30
    assert min(kinds.values()) >= 5
    assert len({made.currency for _, made in everything()}) == len(CURRENCIES) == 5


def test_every_discrepancy_of_ten_thousand_invoices_is_classified_and_nothing_else_is() -> None:
    wrong = [
        (kind, made.id, ended(made), made.expected)
        for kind, made in everything()
        if _normal(ended(made)) != _normal(made.expected)
    ]
    assert wrong == []


def _normal(found: dict[Leg, tuple[Class, str]]) -> dict[Leg, tuple[Class, str]]:
    return {leg: found[leg] for leg in Leg if leg in found}


def test_clean_books_leave_a_remainder_of_zero_in_every_currency() -> None:
    totals = Totals()
    for number in range(500):
        for found in lines_of("x", sound(number).records.values(), rules()):
            totals.add(found)
    assert totals.remainder() == dict.fromkeys(CURRENCIES, 0)


def test_the_sums_of_all_classes_are_the_sums_of_the_books() -> None:
    totals = Totals()
    records = sorted((r for _, made in everything() for r in made.records.values()), key=lambda r: r.case_id)
    for found in lines(records, rules()):
        totals.add(found)
    for currency in CURRENCIES:
        sums = [found for (code, leg, _), found in totals.sums.items() if code == currency and leg is Leg.SALE]
        inside = [r for r in records if r.currency == currency and PERIOD.holds(r.at)]
        assert sum(s.ours for s in sums) == sum(r.amount for r in inside if r.kind is Kind.INVOICE)
        bases = [r.facts for r in records if r.kind is Kind.COMMISSION and r.facts["basis"] > 0 and PERIOD.holds(r.at)]
        assert sum(s.theirs for s in sums) == sum(
            f["basis"] for f in bases if f["basis_currency"] == currency
        ) + _unlisted(currency)


def _unlisted(currency: str) -> int:
    """Sales that earned nothing are in no list; our journal has their amount."""
    return sum(made.net for kind, made in everything() if kind == "earned nothing" and made.currency == currency)


def test_the_difference_is_in_minor_units_and_signed() -> None:
    made = sound()
    KINDS["tax included"](made)
    found = line(made, Leg.SALE)
    assert (found.difference, found.open, found.currency) == (-made.tax, made.tax, made.currency)


def test_a_sale_tracked_in_two_tiers_is_one_sale() -> None:
    made = sound()
    made.sell("upper tier", made.id, made.net, part="7102/2")
    assert line(made, Leg.SALE).name is Class.MATCHED


def test_parts_that_add_up_are_matched() -> None:
    made = sound()
    made.change("sale", facts={"basis": made.net - 100})
    made.sell("rest", "pay_rest", 100)
    assert line(made, Leg.SALE).name is Class.MATCHED


def test_a_record_read_through_two_connections_counts_once() -> None:
    made = sound()
    found = list(lines_of(made.id, [*made.records.values(), *made.records.values()], rules()))
    assert {item.name for item in found} == {Class.MATCHED}


@pytest.mark.parametrize(
    ("kind", "corrections"),
    [
        ("tax included", [("", -1, "tax")]),
        ("same id twice", [("", -1, "net")]),
        ("wrong account", [("ACC-OTHER", -1, "net"), ("", 1, "net")]),
        ("only a part", [("", 1, "rest")]),
    ],
)
def test_a_repair_closes_the_case(kind: str, corrections: list[tuple[str, int, str]]) -> None:
    made = sound(1)
    KINDS[kind](made)
    amounts = {"tax": made.tax, "net": made.net, "rest": made.net - made.net // 3}
    for number, (account, sign, amount) in enumerate(corrections):
        made.sell(
            f"repair {number}", f"{made.id}{REPAIR}{number}", sign * amounts[amount], account_id=account or made.account
        )
    assert (line(made, Leg.SALE).name, line(made, Leg.SALE).open) == (Class.MATCHED, 0)


def test_what_was_paid_in_another_month_is_in_no_line() -> None:
    made = sound()
    for name in made.records:
        made.change(name, at=PERIOD.end + 1)
    assert list(lines_of(made.id, made.records.values(), rules())) == []


def test_the_same_books_give_the_same_lines() -> None:
    records = [r for _, made in everything()[:500] for r in made.records.values()]
    assert list(lines(records, rules())) == list(lines(records, rules()))
