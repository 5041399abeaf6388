"""Razorpay's requests and answers: what path and body alone cannot say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from affluent.apps.razorpay.facts import facts_of, notes_of
from affluent.apps.razorpay.schemas import Credentials
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.sdk import AppError, AuthFailed, Context, OutcomeUnknown, Rejected, Response, Unavailable
from affluent.sdk.http import message_of

_PAGE = 100
_MOST_PAGES = 3
_MOST_CUSTOMER_PAGES = 100
_SHORTEST_LOCAL_NUMBER = 8
_REFUND_KEY_LENGTH = 40

Ctx = Context[Credentials]


def auth_failed(response: Response) -> AuthFailed:
    """401, with the field that Razorpay's words blame; a bad key has no code of its own (reference, section 1)."""
    said = message_of(response)
    field = "key_id" if "key" in said.lower() and "secret" not in said.lower() else "key_secret"
    return AuthFailed(f"Razorpay refused the key: {said}.".replace("..", "."), field=field, status=response.status)


async def read(ctx: Ctx, path: str, query: Mapping[str, str | int | list[str]] | None = None) -> JSONObject:
    """A record or a list."""
    response = await ctx.http.request("GET", path, query=query)
    return _object(response, Unavailable)


async def write(
    ctx: Ctx,
    method: str,
    path: str,
    body: JSONObject | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    lost: type[AppError] = Unavailable,
) -> JSONObject:
    """A changed record. `lost` is what an answer that cannot be read means: the change may have been made."""
    response = await ctx.http.request(method, path, json=filled(body or {}), headers=headers)
    return _object(response, lost)


def filled(body: JSONObject) -> JSONObject:
    """A body without what was not given."""
    return {name: value for name, value in body.items() if value not in (None, "", {})}


async def found_invoice(ctx: Ctx, reference: str, customer_id: str) -> JSONObject | None:
    """The invoice with our reference: by its receipt, else among the customer's newest 300, where our notes name it.

    Razorpay's current page does not list `receipt` for creating, so a receipt may not have been kept. Lists begin with the
    newest, and what an earlier try made is new.
    """
    by_receipt = await read(ctx, "/invoices", {"type": "invoice", "receipt": reference})
    for invoice in items(by_receipt, "items"):
        if _refers_to(invoice, reference):
            return invoice
    for page in range(_MOST_PAGES):
        query: dict[str, str | int | list[str]] = {
            "type": "invoice",
            "customer_id": customer_id,
            "count": _PAGE,
            "skip": page * _PAGE,
        }
        invoices = items(await read(ctx, "/invoices", query), "items")
        for invoice in invoices:
            if _refers_to(invoice, reference):
                return invoice
        if len(invoices) < _PAGE:
            return None
    return None


async def existing_customer(ctx: Ctx, *, email: str | None, contact: str | None) -> JSONObject:
    """The customer that Razorpay says exists: the one with this e-mail and phone, else the only one that fits.

    Razorpay lists customers newest first and has no filter for them. Raises Rejected, with what to do, when none of the
    newest 10,000 fits or when several do.
    """
    fitting: list[JSONObject] = []
    for page in range(_MOST_CUSTOMER_PAGES):
        customers = items(await read(ctx, "/customers", {"count": _PAGE, "skip": page * _PAGE}), "items")
        for customer in customers:
            if not _is_same_person(customer, email=email, contact=contact):
                continue
            if (customer.get("email") or None, customer.get("contact") or None) == (email, contact):
                return customer
            fitting.append(customer)
        if len(customers) < _PAGE:
            break
    ids = sorted({text_of(customer.get("id")) for customer in fitting})
    if len(ids) == 1:
        return fitting[0]
    if ids:
        raise Rejected(
            f"Razorpay knows this customer already, but {len(ids)} of its customers have this e-mail or phone: "
            f"{', '.join(ids[:5])}. Save the id of the right one as the account's setting RazorPayCustomerId.",
            field="email",
        )
    raise Rejected(
        f"Razorpay says that this customer exists, but none of its newest {_MOST_CUSTOMER_PAGES * _PAGE:,} customers has "
        "this e-mail or phone. Look it up at Razorpay and save its id as the account's setting RazorPayCustomerId.",
        field="email",
    )


async def found_payment_link(ctx: Ctx, reference: str) -> JSONObject | None:
    """The payment link with our reference, which Razorpay keeps unique."""
    answer = await read(ctx, "/payment_links", {"reference_id": reference, "count": _PAGE})
    links = [*items(answer, "payment_links"), *items(answer, "items")]
    return next((link for link in links if link.get("reference_id") == reference), None)


async def found_refund(ctx: Ctx, payment_id: str, receipt: str) -> JSONObject | None:
    """The refund of a payment with our receipt, or None when Razorpay lists all of them and it is not there."""
    refunds = items(await read(ctx, f"/payments/{payment_id}/refunds", {"count": _PAGE}), "items")
    if len(refunds) == _PAGE:
        raise OutcomeUnknown(f"Payment {payment_id} has {_PAGE} refunds or more; look for the receipt by hand.")
    return next((refund for refund in refunds if refund.get("receipt") == receipt), None)


async def with_context(ctx: Ctx, payment: JSONObject) -> dict[str, JSONObject]:
    """The payment, and when its own notes name no account, its invoice, order or payment link by their kind."""
    entities: dict[str, JSONObject] = {"payment": payment}
    if facts_of(entities)["account_id"] is None and payment.get("invoice_id"):
        await _add(ctx, entities, "invoice", f"/invoices/{payment['invoice_id']}")
    if facts_of(entities)["account_id"] is None and payment.get("order_id"):
        await _add(ctx, entities, "order", f"/orders/{payment['order_id']}")
    if facts_of(entities)["account_id"] is None:
        links = await paid_links(ctx, payment)
        if links:
            entities["payment_link"] = links[0]
    return entities


async def payments_of_order(ctx: Ctx, payment: JSONObject) -> list[JSONObject]:
    """All payments of the order that a payment belongs to; of a payment without an order none."""
    order = text_of(payment.get("order_id"))
    return items(await read(ctx, f"/orders/{order}/payments", {"count": _PAGE}), "items") if order else []


def refund_key(effect_key: str) -> str:
    """The idempotency key of a refund: at least ten letters, digits, - or _ (reference, section 2)."""
    return hashlib.sha256(effect_key.encode()).hexdigest()[:_REFUND_KEY_LENGTH]


async def _add(ctx: Ctx, entities: dict[str, JSONObject], kind: str, path: str) -> None:
    record = await read_or_nothing(ctx, path)
    if record:
        entities[kind] = record


async def read_or_nothing(ctx: Ctx, path: str, query: Mapping[str, str | int | list[str]] | None = None) -> JSONObject:
    """A record that helps when it is there: Razorpay refuses ids it does not know with 400."""
    try:
        return await read(ctx, path, dict(query) if query else None)
    except Rejected:
        return {}


async def paid_links(ctx: Ctx, payment: JSONObject) -> list[JSONObject]:
    """The payment links that a payment was for, also when the filter is not known and all links come."""
    answer = await read_or_nothing(ctx, "/payment_links", {"payment_id": payment["id"]})
    order = text_of(payment.get("order_id")).removeprefix("order_")
    return [
        link
        for link in items(answer, "payment_links")
        if any(paid.get("payment_id") == payment["id"] for paid in items(link, "payments"))
        or (order and text_of(link.get("order_id")).removeprefix("order_") == order)
    ]


def _is_same_person(customer: JSONObject, *, email: str | None, contact: str | None) -> bool:
    """Whether a customer's e-mail and phone are these; one that either side leaves out contradicts nothing."""
    known_email, known_contact = text_of(customer.get("email")), text_of(customer.get("contact"))
    is_email = bool(email and known_email) and (email or "").casefold() == known_email.casefold()
    is_contact = bool(contact and known_contact) and _is_same_number(contact or "", known_contact)
    if email and known_email and contact and known_contact:
        return is_email and is_contact
    return is_email or is_contact


def _is_same_number(number: str, other: str) -> bool:
    """Whether two phone numbers are the same; Razorpay may keep one without its country code."""
    shorter, longer = sorted(("".join(filter(str.isdigit, text)) for text in (number, other)), key=len)
    return len(shorter) >= _SHORTEST_LOCAL_NUMBER and longer.endswith(shorter)


def _refers_to(invoice: JSONObject, reference: str) -> bool:
    is_gone = invoice.get("status") in ("deleted", "cancelled")
    named = (invoice.get("receipt"), invoice.get("invoice_number"), notes_of(invoice).get("affluent_reference"))
    return not is_gone and reference in named


def items(answer: JSONObject, name: str) -> list[JSONObject]:
    """The records of a list."""
    values = answer.get(name)
    return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []


def _object(response: Response, lost: type[AppError]) -> JSONObject:
    body: JSONValue = response.json()
    if not isinstance(body, dict):
        raise lost("Razorpay's answer could not be read: it broke off or is not JSON.", status=response.status)
    return body
