"""Every action against the twin: what is sent, what comes of it, what a repeat and a lost answer do."""

from __future__ import annotations

from base64 import b64decode

import pytest
from pydantic import ValidationError

from affluent.apps.razorpay.actions import find_invoice, find_refund
from affluent.apps.razorpay.app import app
from affluent.apps.razorpay.schemas import Credentials, NewCustomer, NewInvoice, NewPaymentLink
from affluent.apps.razorpay.tests.conftest import Desk
from affluent.kit.jsons import loads
from affluent.sdk import (
    Action,
    AlreadyApplied,
    AuthFailed,
    Effect,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Retry,
    Unavailable,
)

NOTES = {"togai_account_id": "ACC-1", "togai_invoice_id": "INV-1", "togai_net": "100.00", "togai_total": "118.00"}


async def test_the_key_is_sent_as_basic_and_a_test_key_is_told_apart(desk: Desk) -> None:
    assert "test key" in await desk.test()
    sent = desk.twin.calls[0]["headers"]["authorization"]
    assert sent.startswith("Basic ")
    assert b64decode(sent.removeprefix("Basic ")).decode() == "rzp_test_Desk000000001:desk-secret-0001"


async def test_a_live_key_is_told_apart(desk: Desk) -> None:
    assert "real money moves" in await desk.test(key_id="rzp_live_Desk000000001")


async def test_a_wrong_secret_is_said_on_its_field(desk: Desk) -> None:
    await desk.test()
    with pytest.raises(AuthFailed) as refused:
        await desk.test(key_secret="another-secret")
    assert refused.value.field == "key_secret"
    assert "another-secret" not in refused.value.message


async def test_an_unknown_key_is_said_on_its_field(desk: Desk) -> None:
    desk.twin.revoke_key("rzp_test_Desk000000001")
    with pytest.raises(AuthFailed) as refused:
        await desk.test()
    assert refused.value.field == "key_id"


def test_a_key_without_a_mode_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(ValidationError, match="rzp_test_ or rzp_live_"):
        Credentials(key_id="key_123", key_secret="x")


async def test_the_same_customer_is_found_again(desk: Desk) -> None:
    first = await desk.act(
        "create_customer", name="Northwind & Co", email="billing@northwind.example", notes={"a": None, "b": "1"}
    )
    again = await desk.act("create_customer", name="Northwind", email="billing@northwind.example")
    assert first.id == again.id
    assert loads(desk.twin.calls[0]["body"]) == {
        "name": "Northwind and Co", "email": "billing@northwind.example", "notes": {"b": "1"}, "fail_existing": "0",
    }  # fmt: skip


def refuse_existing(desk: Desk) -> None:
    """Razorpay refuses a customer that exists, although it was asked not to."""
    body = '{"error": {"code": "BAD_REQUEST_ERROR", "description": "Customer already exists for the merchant"}}'
    desk.twin.fail_next(400, path="/v1/customers", method="POST", body=body, content_type="application/json")


async def test_a_customer_that_razorpay_refuses_because_it_exists_is_found_in_its_list(desk: Desk) -> None:
    known = await desk.act("create_customer", name="N W", email="Billing@northwind.example", contact="+919000090001")
    for number in range(120):
        desk.twin.add_customer(email=f"customer{number}@other.example")
    refuse_existing(desk)
    with pytest.raises(AlreadyApplied) as done:
        await desk.act("create_customer", name="Northwind", email="billing@northwind.example")
    assert done.value.output is not None
    assert done.value.output.id == known.id
    assert [call["query"] for call in desk.twin.calls if call["method"] == "GET"] == [
        "count=100&skip=0", "count=100&skip=100",
    ]  # fmt: skip


async def test_of_customers_with_one_email_the_one_with_the_same_phone_is_taken(desk: Desk) -> None:
    desk.twin.add_customer(email="billing@northwind.example", contact="+919000090001")
    right = desk.twin.add_customer(email="billing@northwind.example", contact="9000090002")
    refuse_existing(desk)
    with pytest.raises(AlreadyApplied) as done:
        await desk.act("create_customer", email="billing@northwind.example", contact="+919000090002")
    assert done.value.output is not None
    assert done.value.output.id == right


async def test_of_several_customers_with_one_email_none_is_guessed(desk: Desk) -> None:
    ids = [desk.twin.add_customer(email="billing@northwind.example", contact=f"+91900009000{n}") for n in (1, 2)]
    refuse_existing(desk)
    with pytest.raises(Rejected, match=f"2 of its customers.*{ids[0]}, {ids[1]}.*RazorPayCustomerId"):
        await desk.act("create_customer", email="billing@northwind.example")


async def test_an_existing_customer_that_is_not_listed_is_left_to_a_person(desk: Desk) -> None:
    desk.twin.add_customer(email="someone@other.example")
    refuse_existing(desk)
    with pytest.raises(Rejected, match="Look it up at Razorpay and save its id"):
        await desk.act("create_customer", email="billing@northwind.example")


async def test_any_other_refusal_of_a_customer_stays_a_refusal(desk: Desk) -> None:
    desk.twin.fail_next(400, path="/v1/customers", method="POST", body='{"error": {"description": "No such GSTIN"}}')
    with pytest.raises(Rejected, match="No such GSTIN"):
        await desk.act("create_customer", email="billing@northwind.example")


def test_a_customer_needs_something_to_be_recognised_by() -> None:
    with pytest.raises(ValidationError, match="recognises a repeated customer"):
        NewCustomer(name="Northwind")


async def test_an_invoice_carries_our_reference_and_notes_and_tells_nobody(desk: Desk) -> None:
    made = await desk.invoice(notes=NOTES)
    assert (made.status, made.amount, made.amount_due, made.reference) == ("issued", 11800, 11800, "INV-1")
    assert made.short_url.startswith("https://")
    sent = loads(desk.twin.calls[-1]["body"])
    assert (sent["receipt"], sent["email_notify"], sent["sms_notify"]) == ("INV-1", False, False)
    assert sent["notes"] == {"affluent_reference": "INV-1", **NOTES}


async def test_an_invoice_that_is_there_is_not_made_again(desk: Desk) -> None:
    first = await desk.invoice()
    with pytest.raises(AlreadyApplied) as there:
        await desk.invoice()
    assert there.value.output == first
    assert len(desk.twin.books()["invoices"]) == 1


async def test_an_invoice_whose_receipt_was_not_kept_is_found_by_its_notes(desk: Desk) -> None:
    made = await desk.invoice()
    for record in desk.twin._books.invoices.values():
        record |= {"receipt": None, "invoice_number": None}
    with pytest.raises(AlreadyApplied) as there:
        await desk.invoice()
    assert there.value.output.id == made.id


async def test_an_older_invoice_is_found_behind_a_hundred_newer_ones(desk: Desk) -> None:
    made = await desk.invoice()
    await desk.invoice("INV-2")
    (first, other) = desk.twin._books.invoices.values()
    first |= {"receipt": None, "invoice_number": None}
    for number in range(150):
        desk.twin._books.invoices[f"inv_{number}"] = {
            **other,
            "id": f"inv_{number}",
            "receipt": f"X-{number}",
            "notes": [],
        }
    wanted = NewInvoice(reference="INV-1", customer_id=made.customer_id, amount=11800)
    assert await find_invoice(desk.context(), wanted) == made.model_copy(update={"reference": "INV-1"})


async def test_a_reference_used_for_another_amount_does_not_pass_for_ours(desk: Desk) -> None:
    await desk.invoice()
    with pytest.raises(Rejected, match="another amount") as refused:
        await desk.invoice(amount=11900)
    assert refused.value.field == "reference"


async def test_after_a_lost_answer_the_invoice_is_found_and_not_doubled(desk: Desk) -> None:
    customer = await desk.customer()
    wanted = {"reference": "INV-1", "customer_id": customer, "amount": 11800}
    await desk.control("heal")
    desk.twin.switches.clear()
    desk.twin.drop_answer(path="/invoices", method="POST")
    with pytest.raises(OutcomeUnknown):
        await desk.act("create_invoice", **wanted)
    found = await find_invoice(desk.context(), NewInvoice(**wanted))
    assert found is not None
    assert [record["id"] for record in desk.twin.books()["invoices"]] == [found.id]


async def test_a_truncated_answer_to_an_invoice_is_unknown_not_done(desk: Desk) -> None:
    draft = await desk.invoice(is_draft=True)
    assert (draft.status, draft.order_id) == ("draft", None)
    desk.twin.switches.clear()
    await desk.control("truncate", path="/issue")
    with pytest.raises(Unavailable):
        await desk.act("issue_invoice", invoice_id=draft.id)
    with pytest.raises(AlreadyApplied) as there:
        await desk.act("issue_invoice", invoice_id=draft.id)
    assert there.value.output.status == "issued"


async def test_an_invoice_is_cancelled_once(desk: Desk) -> None:
    made = await desk.invoice()
    assert (await desk.act("cancel_invoice", invoice_id=made.id)).status == "cancelled"
    with pytest.raises(AlreadyApplied):
        await desk.act("cancel_invoice", invoice_id=made.id)


async def test_a_paid_invoice_cannot_be_cancelled(desk: Desk) -> None:
    made = await desk.invoice()
    await desk.control("pay", id=made.id)
    with pytest.raises(Rejected, match="paid"):
        await desk.act("cancel_invoice", invoice_id=made.id)


async def test_an_unknown_invoice_is_rejected_with_the_vendors_words(desk: Desk) -> None:
    with pytest.raises(Rejected, match="does not exist"):
        await desk.act("cancel_invoice", invoice_id="inv_Nothing")


async def test_a_payment_link_is_made_once_for_a_reference(desk: Desk) -> None:
    first = await desk.link(
        email="billing@northwind.example", name="Northwind", callback_url="https://app.example/thanks"
    )
    assert (first.status, first.amount, first.reference) == ("created", 11800, "INV-1")
    with pytest.raises(AlreadyApplied) as there:
        await desk.link()
    assert there.value.output == first
    sent = loads(desk.twin.calls[0]["body"])
    assert sent["customer"] == {"name": "Northwind", "email": "billing@northwind.example"}
    assert (sent["notify"], sent["callback_method"]) == ({"email": False, "sms": False}, "get")


async def test_after_a_lost_answer_the_link_is_sent_again_and_is_there(desk: Desk) -> None:
    desk.twin.drop_answer(path="/payment_links")
    with pytest.raises(Unavailable):
        await desk.link()
    with pytest.raises(AlreadyApplied):
        await desk.link()
    assert len(desk.twin.books()["payment_links"]) == 1


async def test_a_link_for_other_money_under_the_same_reference_is_refused(desk: Desk) -> None:
    await desk.link()
    with pytest.raises(Rejected, match="another amount"):
        await desk.link(amount=100)


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        (99, "INR", "100 paise"),
        (741255, "KWD", "last decimal of 0"),
        (0, "INR", "greater than 0"),
        (5, "QQQ", "not an ISO 4217"),
    ],
)
def test_amounts_that_razorpay_refuses_are_refused_here_with_the_reason(amount: int, currency: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        NewPaymentLink(reference="INV-1", amount=amount, currency=currency)


async def test_yen_and_dinar_keep_their_minor_units(desk: Desk) -> None:
    assert (await desk.link("INV-J", amount=320000, currency="JPY")).amount == 320000
    assert (await desk.link("INV-K", amount=741250, currency="kwd")).currency == "KWD"


async def test_a_payment_tells_whose_sale_it_was(desk: Desk) -> None:
    made = await desk.invoice(notes=NOTES)
    paid = (await desk.control("pay", id=made.id))["payment"]
    payment = await desk.act("fetch_payment", payment_id=paid["id"])
    assert (payment.status, payment.amount, payment.captured) == ("captured", 11800, True)
    assert (payment.account_id, payment.sale_id, payment.net_minor, payment.net) == ("ACC-1", "INV-1", 10000, "100.00")
    assert [call["path"].rsplit("/v1", 1)[1] for call in desk.twin.calls][-1:] == [f"/payments/{paid['id']}"]


@pytest.mark.parametrize("kind", ["invoice", "link"])
async def test_a_payment_without_notes_is_traced_through_what_it_paid(desk: Desk, kind: str) -> None:
    made = await getattr(desk, kind)(notes=NOTES)
    paid = (await desk.control("pay", id=made.id, notes=False))["payment"]
    payment = await desk.act("fetch_payment", payment_id=paid["id"])
    assert (payment.account_id, payment.sale_id, payment.net_minor) == ("ACC-1", "INV-1", 10000)


async def test_a_payment_that_nothing_explains_is_its_own_sale(desk: Desk) -> None:
    made = await desk.link()
    paid = (await desk.control("pay", id=made.id))["payment"]
    payment = await desk.act("fetch_payment", payment_id=paid["id"])
    assert (payment.account_id, payment.sale_id, payment.net_minor) == (None, paid["id"], 11800)


async def test_a_refund_is_made_once_under_its_key(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    desk.twin.drop_answer(path="/refund")
    with pytest.raises(Unavailable):
        await desk.act("refund", payment_id=paid["id"], amount=5900, currency="INR")
    refund = await desk.act("refund", payment_id=paid["id"], amount=5900, currency="INR")
    assert (refund.status, refund.amount, refund.payment_id) == ("processed", 5900, paid["id"])
    assert len(desk.twin.books()["refunds"]) == 1
    keys = {call["headers"]["x-refund-idempotency"] for call in desk.twin.calls if call["path"].endswith("/refund")}
    assert [len(key) >= 10 and key.isalnum() for key in keys] == [True]


async def test_a_refund_is_looked_up_by_its_receipt_and_one_without_is_a_persons_to_decide(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    action = app.actions["refund"]
    given = action.input(payment_id=paid["id"], amount=5900, receipt="R-1")
    context = desk.context(action.effect, action="refund")
    assert await find_refund(context, given) is None
    made = await desk.act("refund", payment_id=paid["id"], amount=5900, receipt="R-1")
    assert await find_refund(context, given) == made
    with pytest.raises(OutcomeUnknown, match="receipt"):
        await find_refund(context, action.input(payment_id=paid["id"], amount=5900))


async def test_another_refund_of_the_same_payment_has_another_key(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    for number in range(2):
        await desk.act("refund", payment_id=paid["id"], amount=5900, effect_key=f"evt_{number}/fco/refund")
    assert [refund["amount"] for refund in desk.twin.books()["refunds"]] == [5900, 5900]
    assert (await desk.act("fetch_payment", payment_id=paid["id"])).refund_status == "full"


async def test_the_same_key_with_another_amount_is_refused(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    await desk.act("refund", payment_id=paid["id"], amount=100)
    with pytest.raises(Rejected, match="idempotency"):
        await desk.act("refund", payment_id=paid["id"], amount=200)


async def test_a_refund_that_is_still_being_made_is_asked_for_again(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    desk.twin.fail_next(409, path="/refund")
    with pytest.raises(Retry):
        await desk.act("refund", payment_id=paid["id"])


async def test_more_than_was_paid_is_not_given_back(desk: Desk) -> None:
    paid = (await desk.control("pay", id=(await desk.link()).id))["payment"]
    with pytest.raises(Rejected, match="greater than"):
        await desk.act("refund", payment_id=paid["id"], amount=99999)


async def test_any_call_can_be_made(desk: Desk) -> None:
    customer = await desk.customer()
    answer = await desk.act("call", method="GET", path="/customers", query={"count": "1"})
    assert (answer.status, answer.body["items"][0]["id"]) == (200, customer)


MEANINGS = ((429, RateLimited), (400, Rejected), (404, Rejected), (401, AuthFailed))


@pytest.mark.parametrize("key", app.actions)
async def test_what_a_status_means(desk: Desk, key: str) -> None:
    given = app.sample(app.actions[key].sample)["input"]
    for status, error in MEANINGS:
        await desk.control("heal")
        body = '{"error": {"description": "Said so"}}'
        await desk.control("fail", status=status, times=9, body=body, content_type="application/json")
        with pytest.raises(error, match="Said so") as raised:
            await desk.act(key, **given)
        assert (type(raised.value), raised.value.status) == (error, status)


@pytest.mark.parametrize(
    "key", ["create_customer", "create_payment_link", "issue_invoice", "cancel_invoice", "refund", "fetch_payment"]
)
async def test_a_server_error_is_tried_again_where_a_repeat_is_harmless(desk: Desk, key: str) -> None:
    await desk.control("fail", status=503, times=9)
    with pytest.raises(Unavailable):
        await desk.act(key, **app.sample(app.actions[key].sample)["input"])


async def test_a_server_error_on_a_raw_write_is_unknown(desk: Desk) -> None:
    await desk.control("fail", status=502)
    with pytest.raises(OutcomeUnknown):
        await desk.act("call", method="POST", path="/orders", body={"amount": 100, "currency": "INR"})


@pytest.mark.parametrize("action", app.actions.values(), ids=lambda action: action.key)
def test_every_action_has_a_sample_that_its_models_accept(action: Action) -> None:
    sample = app.sample(action.sample)
    action.input(**sample["input"])
    assert action.output is not None
    assert action.output.model_validate(sample["output"]).model_dump(exclude_none=True)


def test_only_writes_that_razorpay_would_double_are_looked_up() -> None:
    writes = {key for key, action in app.actions.items() if action.effect is Effect.WRITE}
    assert writes == {"create_invoice", "call"}
    assert app.actions["create_invoice"].look_up is find_invoice


async def test_a_payment_with_the_fee_on_top_is_the_sale_of_its_invoice(desk: Desk) -> None:
    invoice = await desk.invoice(notes=NOTES)
    paid = (await desk.control("pay", id=invoice.id, fee_on_top=280))["payment"]
    payment = await desk.act("fetch_payment", payment_id=paid["id"])
    assert (payment.amount, payment.settles_minor, payment.net_minor, payment.sale_id) == (12080, 11800, 10000, "INV-1")


@pytest.mark.parametrize(
    ("currency", "net", "total", "parts"),
    [
        ("INR", "1000.00", "1180.00", [16857] * 6 + [16858]),
        ("JPY", "1000", "1100", [367, 367, 366]),
        ("KWD", "100.000", "105.000", [17500] * 6),
    ],
)
async def test_the_parts_of_an_invoice_add_up_to_its_net(
    desk: Desk, currency: str, net: str, total: str, parts: list[int]
) -> None:
    notes = {**NOTES, "togai_net": net, "togai_total": total}
    invoice = await desk.invoice(amount=sum(parts), currency=currency, is_partial_allowed=True, notes=notes)
    ids = [(await desk.control("pay", id=invoice.id, amount=part))["payment"]["id"] for part in parts]
    payments = [await desk.act("fetch_payment", payment_id=number) for number in reversed(ids)][::-1]
    shares = [payment.net_minor for payment in payments]
    assert sum(shares) == int(net.replace(".", ""))
    assert [payment.net_before_minor for payment in payments] == [sum(shares[:n]) for n in range(len(parts))]
