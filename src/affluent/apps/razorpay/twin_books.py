"""What the twin of Razorpay holds, and the rules by which its records come about and change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from affluent.apps.razorpay.facts import whole
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, canonical
from affluent.kit.money import MoneyError, exponent

MERCHANT = "acc_Twin0000000001"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NAME = re.compile(r"[A-Za-z0-9 .'/@()]{3,50}")
_SMALLEST_INR = 100
_SOON = 15 * 60


class Refused(Exception):
    """400 with Razorpay's own kind of description."""

    def __init__(self, description: str, *, field: str | None = None, status: int = 400) -> None:
        super().__init__(description)
        self.description = description
        self.field = field
        self.status = status


@dataclass(slots=True)
class Books:
    """Every record by its id."""

    passed: int = 0
    """Seconds by which the twin's clock was put forward."""
    customers: dict[str, JSONObject] = field(default_factory=dict)
    orders: dict[str, JSONObject] = field(default_factory=dict)
    invoices: dict[str, JSONObject] = field(default_factory=dict)
    payment_links: dict[str, JSONObject] = field(default_factory=dict)
    payments: dict[str, JSONObject] = field(default_factory=dict)
    refunds: dict[str, JSONObject] = field(default_factory=dict)
    refund_status: str = "processed"
    """Of refunds that are made from now on; "pending": they wait until they are ended by hand."""
    disputes: dict[str, JSONObject] = field(default_factory=dict)
    settlements: dict[str, JSONObject] = field(default_factory=dict)
    settled: list[JSONObject] = field(default_factory=list)
    """The lines of the settlement reconciliation."""
    refund_keys: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Idempotency key → (the body it came with, the refund)."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def now(self) -> int:
        """The twin's time, in seconds since 1970."""
        return int(clock.now().timestamp()) + self.passed

    def new_id(self, kind: str) -> str:
        """The next id of a kind: a prefix and 14 letters and digits."""
        number, letters = next(self.numbers), ""
        while number:
            number, digit = divmod(number, len(_DIGITS))
            letters = _DIGITS[digit] + letters
        return f"{kind}_Twin{letters:0>10}"

    def create_customer(self, body: JSONObject) -> JSONObject:
        """POST /customers."""
        name, email, contact = (body.get(key) for key in ("name", "email", "contact"))
        if name is not None and not _NAME.fullmatch(str(name)):
            raise Refused("The name may only contain letters, digits, spaces and .'/@() and has 3 to 50.", field="name")
        if email is not None and (len(str(email)) > 64 or "@" not in str(email)):
            raise Refused("The email must be a valid email address.", field="email")
        known = next(
            (
                customer
                for customer in self.customers.values()
                if (email or contact) and (customer["email"], customer["contact"]) == (email, contact)
            ),
            None,
        )
        if known is not None:
            if str(body.get("fail_existing", "1")) == "0":
                return known
            raise Refused("Customer already exists for the merchant")
        customer_id = self.new_id("cust")
        self.customers[customer_id] = {
            "id": customer_id,
            "entity": "customer",
            "name": name,
            "email": email,
            "contact": contact,
            "gstin": body.get("gstin"),
            "notes": noted(body),
            "created_at": self.now,
        }
        return self.customers[customer_id]

    def create_invoice(self, body: JSONObject) -> JSONObject:
        """POST /invoices, for a known customer and lines with amounts."""
        customer = self.customers.get(str(body.get("customer_id")))
        if body.get("type") != "invoice":
            raise Refused("The type field is required.", field="type")
        if customer is None:
            raise Refused("The id provided does not exist", field="customer_id")
        currency = str(body.get("currency", "INR"))
        lines = [self._line(line, currency) for line in body.get("line_items") or []]
        if not lines:
            raise Refused("The line items field is required.", field="line_items")
        amount = sum(line["net_amount"] for line in lines)
        check_amount(amount, currency)
        self._check_expiry(body)
        invoice_id, is_draft = self.new_id("inv"), str(body.get("draft", "0")) == "1"
        order = None if is_draft else self._order(amount, currency, receipt=body.get("receipt"))
        self.invoices[invoice_id] = {
            "id": invoice_id,
            "entity": "invoice",
            "receipt": body.get("receipt"),
            "invoice_number": body.get("receipt"),
            "customer_id": customer["id"],
            "customer_details": {
                "id": customer["id"],
                **{key: customer[key] for key in ("name", "email", "contact", "gstin")},
                "billing_address": None,
                **{f"customer_{key}": customer[key] for key in ("name", "email", "contact")},
            },
            "order_id": order["id"] if order else None,
            "line_items": lines,
            "payment_id": None,
            "status": "draft" if is_draft else "issued",
            "expire_by": body.get("expire_by"),
            "issued_at": None if is_draft else self.now,
            "paid_at": None,
            "cancelled_at": None,
            "expired_at": None,
            "sms_status": "pending" if body.get("sms_notify", True) else None,
            "email_status": "pending" if body.get("email_notify", True) else None,
            "date": self.now,
            "partial_payment": bool(body.get("partial_payment", False)),
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": currency,
            "description": body.get("description"),
            "notes": noted(body),
            "short_url": f"https://rzp.io/i/{invoice_id.removeprefix('inv_')}",
            "type": "invoice",
            "created_at": self.now,
        }
        return self.invoices[invoice_id]

    def issue_invoice(self, invoice: JSONObject) -> JSONObject:
        """POST /invoices/{id}/issue."""
        if invoice["status"] != "draft":
            raise Refused("Operation not allowed for Invoice in {} status.".format(invoice["status"]))
        order = self._order(invoice["amount"], invoice["currency"], receipt=invoice["receipt"])
        invoice |= {"status": "issued", "issued_at": self.now, "order_id": order["id"]}
        return invoice

    def cancel_invoice(self, invoice: JSONObject) -> JSONObject:
        """POST /invoices/{id}/cancel."""
        if invoice["status"] not in ("draft", "issued"):
            raise Refused("Operation not allowed for Invoice in {} status.".format(invoice["status"]))
        invoice |= {"status": "cancelled", "cancelled_at": self.now}
        return invoice

    def create_payment_link(self, body: JSONObject) -> JSONObject:
        """POST /payment_links. A reference is used once."""
        amount, currency = whole(body.get("amount")), str(body.get("currency", "INR"))
        if amount is None:
            raise Refused("The amount field is required.", field="amount")
        check_amount(amount, currency)
        self._check_expiry(body)
        reference = str(body.get("reference_id") or "")
        if len(reference) > 40:
            raise Refused("The reference id may not be greater than 40 characters.", field="reference_id")
        if reference and any(link["reference_id"] == reference for link in self.payment_links.values()):
            raise Refused(
                f"payment link creation failed because reference_id already exists: {reference}", field="reference_id"
            )
        link_id, customer = self.new_id("plink"), body.get("customer") or {}
        self.payment_links[link_id] = {
            "id": link_id,
            "reference_id": reference,
            "amount": amount,
            "amount_paid": 0,
            "currency": currency,
            "accept_partial": bool(body.get("accept_partial", False)),
            "first_min_partial_amount": whole(body.get("first_min_partial_amount")) or 0,
            "description": body.get("description") or "",
            "customer": customer or [],
            "notify": {"email": False, "sms": False, **(body.get("notify") or {})},
            "reminder_enable": bool(body.get("reminder_enable", False)),
            "reminders": [],
            "callback_url": body.get("callback_url") or "",
            "callback_method": body.get("callback_method") or "",
            "notes": noted(body) or None,
            "order_id": self._order(amount, currency, receipt=reference or None)["id"],
            "payments": None,
            "short_url": f"https://rzp.io/i/{link_id.removeprefix('plink_')}",
            "status": "created",
            "cancelled_at": 0,
            "expire_by": whole(body.get("expire_by")) or 0,
            "expired_at": 0,
            "upi_link": False,
            "user_id": "",
            "created_at": self.now,
            "updated_at": self.now,
        }
        return self.payment_links[link_id]

    def cancel_payment_link(self, link: JSONObject) -> JSONObject:
        """POST /payment_links/{id}/cancel."""
        if link["status"] not in ("created", "expired"):
            raise Refused("Payment Link in {} state cannot be cancelled".format(link["status"]))
        link |= {"status": "cancelled", "cancelled_at": self.now, "updated_at": self.now}
        return link

    def create_order(self, body: JSONObject) -> JSONObject:
        """POST /orders."""
        amount, currency = whole(body.get("amount")), body.get("currency")
        if amount is None or not currency:
            raise Refused("The amount and currency fields are required.", field="amount")
        check_amount(amount, str(currency))
        return self._order(amount, str(currency), receipt=body.get("receipt"), notes=noted(body))

    def refund(self, payment: JSONObject, body: JSONObject, key: str) -> tuple[JSONObject, bool]:
        """POST /payments/{id}/refund: the refund, and whether it is new. The same key gives the same refund."""
        said = canonical({"payment": payment["id"], **body})
        if key and not re.fullmatch(r"[A-Za-z0-9_-]{10,}", key):
            raise Refused("The idempotency key must have at least 10 letters, digits, - or _.")
        if key in self.refund_keys:
            earlier, refund_id = self.refund_keys[key]
            if earlier != said:
                raise Refused("Different request body sent for the same idempotency key.")
            return self.refunds[refund_id], False
        if payment["status"] not in ("captured", "refunded"):
            raise Refused("The payment status should be captured for action to be taken")
        left = self._refundable(payment)
        amount = whole(body.get("amount")) if body.get("amount") is not None else left
        if not left:
            raise Refused("The payment has been fully refunded already")
        if amount is None or not 0 < amount <= left:
            raise Refused("The refund amount provided is greater than amount captured", field="amount")
        refund_id = self.new_id("rfnd")
        self.refunds[refund_id] = {
            "id": refund_id,
            "entity": "refund",
            "amount": amount,
            "currency": payment["currency"],
            "payment_id": payment["id"],
            "notes": noted(body),
            "receipt": body.get("receipt"),
            "status": self.refund_status,
            "speed_requested": body.get("speed", "normal"),
            "speed_processed": "normal",
            "created_at": self.now,
        }
        is_whole = payment["amount_refunded"] + amount == payment["amount"]
        payment |= {
            "amount_refunded": payment["amount_refunded"] + amount,
            "refund_status": "full" if is_whole else "partial",
            "status": "refunded" if is_whole else "captured",
        }
        if key:
            self.refund_keys[key] = (said, refund_id)
        return self.refunds[refund_id], True

    def _refundable(self, payment: JSONObject) -> int:
        """What of a payment was neither refunded nor taken by a dispute."""
        lost = sum(item["amount_deducted"] for item in self.disputes.values() if item["payment_id"] == payment["id"])
        return max(0, int(payment["amount"] - payment["amount_refunded"] - lost))

    def _order(self, amount: int, currency: str, *, receipt: JSONValue = None, notes: JSONValue = None) -> JSONObject:
        order_id = self.new_id("order")
        self.orders[order_id] = {
            "id": order_id,
            "entity": "order",
            "amount": amount,
            "amount_paid": 0,
            "amount_due": amount,
            "currency": currency,
            "receipt": receipt,
            "status": "created",
            "attempts": 0,
            "notes": notes or [],
            "created_at": self.now,
        }
        return self.orders[order_id]

    def _line(self, line: JSONObject, currency: str) -> JSONObject:
        amount, quantity = whole(line.get("amount")), whole(line.get("quantity", 1))
        if not line.get("name") or amount is None or not quantity:
            raise Refused("A line item needs a name, an amount and a quantity.", field="line_items")
        if str(line.get("currency", "INR")) != currency:
            raise Refused("Currency of all items should be the same as of the invoice.", field="currency")
        return {
            "id": self.new_id("li"),
            "name": line["name"],
            "description": line.get("description"),
            "amount": amount,
            "unit_amount": amount,
            "gross_amount": amount * quantity,
            "tax_amount": 0,
            "net_amount": amount * quantity,
            "currency": currency,
            "type": "invoice",
            "quantity": quantity,
            "taxes": [],
        }

    def _check_expiry(self, body: JSONObject) -> None:
        expire_by = whole(body.get("expire_by"))
        if expire_by is not None and expire_by < self.now + _SOON:
            raise Refused("expire_by should be at least 15 minutes after current time.", field="expire_by")


def check_amount(amount: int, currency: str) -> None:
    """Refuse what the currency does not allow."""
    try:
        decimals = exponent(currency)
    except MoneyError:
        raise Refused("The currency is not supported.", field="currency") from None
    if amount < (_SMALLEST_INR if currency == "INR" else 1):
        raise Refused("The amount must be at least INR 1.00", field="amount")
    if decimals == 3 and amount % 10:
        raise Refused("The last digit of an amount in this currency must be 0.", field="amount")


def noted(body: JSONObject) -> JSONValue:
    """The notes of a body as Razorpay gives them back: an object, or an empty list."""
    notes = body.get("notes") or {}
    if not isinstance(notes, dict) or len(notes) > 15 or any(len(str(value)) > 256 for value in notes.values()):
        raise Refused("notes must be an object of at most 15 values of at most 256 characters.", field="notes")
    return {str(key): str(value) for key, value in notes.items()} or []
