"""Whose sale a payment is, what the sale is called, and its net amount."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from affluent.apps.razorpay.facts import facts_of, sale_of
from affluent.apps.razorpay.schemas import clean_name
from affluent.kit.jsons import JSONObject

NOTES = {"togai_account_id": "ACC-1", "togai_invoice_id": "INV-1", "togai_net": "100.00", "togai_total": "118.00"}


def payment(**changes: object) -> JSONObject:
    return {"id": "pay_1", "amount": 11800, "currency": "INR", "notes": NOTES, **changes}


def test_a_payment_that_settles_the_invoice_is_the_sale_of_the_invoice_with_its_net() -> None:
    assert sale_of("pay_1", 11800, "INR", NOTES) == ("INV-1", 10000)


def test_a_part_is_its_own_sale_with_its_share() -> None:
    assert sale_of("pay_1", 5900, "INR", NOTES) == ("pay_1", 5000)


def test_without_amounts_in_the_notes_the_whole_payment_is_the_sale() -> None:
    assert sale_of("pay_1", 11800, "INR", {"togai_invoice_id": "INV-1"}) == ("INV-1", 11800)
    assert sale_of("pay_1", 11800, "INR", {}) == ("pay_1", 11800)


def test_amounts_that_make_no_sense_are_not_used() -> None:
    for net, total in (("119.00", "118.00"), ("-1", "118.00"), ("0", "0"), ("x", "118.00"), ("1.001", "118.00")):
        assert sale_of("pay_1", 11800, "INR", {**NOTES, "togai_net": net, "togai_total": total}) == ("INV-1", 11800)


def test_the_fee_that_a_customer_pays_on_top_settles_nothing_and_is_no_revenue() -> None:
    facts = facts_of({"payment": payment(amount=12080, fee=280, fee_bearer="customer")})
    assert (facts["sale_id"], facts["net_minor"], facts["settles"], facts["settles_minor"]) == (
        "INV-1", 10000, "118.00", 11800,
    )  # fmt: skip
    assert facts["amount_minor"] == 12080


def test_a_fee_on_top_is_known_by_the_total_too_when_nothing_says_who_bears_it() -> None:
    facts = facts_of({"payment": payment(amount=12080, fee=280)})
    assert (facts["sale_id"], facts["net_minor"], facts["settles_minor"]) == ("INV-1", 10000, 11800)


def test_the_fee_of_a_part_leaves_the_part_its_share() -> None:
    facts = facts_of({"payment": payment(amount=6040, fee=140, fee_bearer="customer")})
    assert (facts["sale_id"], facts["net_minor"], facts["settles_minor"]) == ("pay_1", 5000, 5900)


def test_a_fee_that_we_bear_is_part_of_what_was_paid() -> None:
    for changes in ({"fee": 236}, {"fee": 236, "fee_bearer": "platform"}, {"fee": None, "fee_bearer": "customer"}):
        assert facts_of({"payment": payment(**changes)})["settles_minor"] == 11800


def test_the_fee_of_a_foreign_payment_is_in_another_currency_and_taken_off_nothing() -> None:
    paid = payment(currency="USD", base_currency="INR", fee=280, fee_bearer="customer")
    assert facts_of({"payment": paid})["settles_minor"] == 11800


def test_a_refund_takes_no_fee_off() -> None:
    refund = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 1180}
    paid = payment(amount=12080, fee=280, fee_bearer="customer")
    assert facts_of({"refund": refund, "payment": paid})["settles_minor"] == 1180


def test_all_events_of_one_sale_name_it_alike() -> None:
    order, invoice = {"id": "order_1", "amount": 11800}, {"id": "inv_1", "amount": 11800, "notes": NOTES}
    told = [
        {"payment": payment()},
        {"payment": payment(), "order": order},
        {"payment": payment(), "order": order, "invoice": invoice},
    ]
    assert {facts_of(entities)["sale_id"] for entities in told} == {"INV-1"}
    assert {facts_of(entities)["net"] for entities in told} == {"100.00"}


def test_a_refund_takes_back_its_share_of_the_net() -> None:
    facts = facts_of({"refund": {"id": "rfnd_1", "payment_id": "pay_1", "amount": 1180}, "payment": payment()})
    assert (facts["net_minor"], facts["amount"], facts["currency"], facts["payment_id"]) == (
        1000,
        "11.80",
        "INR",
        "pay_1",
    )


def test_the_customer_is_the_one_who_was_billed_not_the_one_who_typed() -> None:
    invoice = {
        "id": "inv_1",
        "customer_id": "cust_1",
        "customer_details": {"customer_name": "Northwind", "email": "billing@n.example"},
    }
    facts = facts_of({"payment": payment(email="card@holder.example", contact="+911"), "invoice": invoice})
    assert facts["customer"] == {"id": "cust_1", "name": "Northwind", "email": "billing@n.example", "contact": "+911"}


@given(total=st.integers(1, 10**9), data=st.data())
def test_parts_that_make_up_a_total_make_up_its_net_but_for_rounding(total: int, data: st.DataObject) -> None:
    net = data.draw(st.integers(0, total))
    part = data.draw(st.integers(0, total))
    notes = {"togai_net": str(net), "togai_total": str(total)}
    _, share = sale_of("pay_1", part, "JPY", notes)
    assert share is not None
    assert abs(Fraction(part * net, total) - share) <= Fraction(1, 2)


def test_names_are_cut_to_what_razorpay_takes() -> None:
    assert clean_name("Juniper & Co, Zürich") == "Juniper and Co Zurich"
    assert clean_name("x" * 80) == "x" * 50
    assert clean_name("株式会社") is None
    assert clean_name("Al") is None
