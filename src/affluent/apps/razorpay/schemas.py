"""What the actions of Razorpay take and give, and the fields of a connection."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from affluent.kit.jsons import JSONValue, kind_of, text_of
from affluent.kit.money import MoneyError, exponent
from affluent.sdk import CredentialsModel, InputModel, OutputModel

API = "https://api.razorpay.com"
SMALLEST_INR = 100
_LONGEST_NOTE = 256
_MOST_NOTES = 15
_LONGEST_NAME = 50
_SHORTEST_NAME = 3
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9 .'/@()]+")


class Credentials(CredentialsModel):
    """Credentials of one Razorpay account, in test or in live mode: the key says which."""

    key_id: str = Field(
        title="Key id",
        description="From Account & Settings > API Keys; begins with rzp_test_ or rzp_live_.",
        examples=["rzp_test_1DP5mmOlF5G5ag"],
    )
    key_secret: SecretStr = Field(title="Key secret", description="Shown once by Razorpay, when the key is generated.")
    webhook_secret: SecretStr | None = Field(
        None,
        title="Webhook secret",
        description="The secret you typed when adding the webhook at Razorpay; not the key secret. Needed by inbound flows.",
    )
    previous_webhook_secret: SecretStr | None = Field(
        None,
        title="Previous webhook secret",
        description="For a day after changing the secret: repeats of older events still carry the old signature.",
    )
    base_url: str = Field(API, title="Base URL", description="Another address only for tests, e.g. of the twin.")

    @field_validator("key_id")
    @classmethod
    def _has_a_mode(cls, value: str) -> str:
        if not re.fullmatch(r"rzp_(test|live)_\w+", value):
            raise ValueError("A key id begins with rzp_test_ or rzp_live_; copy it from Account & Settings > API Keys")
        return value

    @field_validator("base_url")
    @classmethod
    def _without_version(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"An address begins with https://, e.g. {API}")
        return value.rstrip("/").removesuffix("/v1")

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""
        return self.key_id.startswith("rzp_live_")


def clean_name(value: str | None) -> str | None:
    """A name as Razorpay takes it: 3 to 50 letters, digits, spaces and . ' / @ ( ); None when too little is left."""
    plain = unicodedata.normalize("NFKD", (value or "").replace("&", " and "))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    name = " ".join(_NOT_IN_A_NAME.sub(" ", plain).split())[:_LONGEST_NAME].strip()
    return name if len(name) >= _SHORTEST_NAME else None


def _clean_contact(value: JSONValue) -> JSONValue:
    return re.sub(r"[\s().-]", "", value) or None if isinstance(value, str) else value


def _clean_notes(value: JSONValue) -> JSONValue:
    if not isinstance(value, dict):
        return value
    odd = next((key for key, item in value.items() if isinstance(item, (bool, list, dict))), None)
    if odd is not None:
        raise ValueError(f"a note is a text or a number, and {odd!r} is {kind_of(value[odd])}")
    filled = {key: text_of(item)[:_LONGEST_NOTE] for key, item in value.items() if item not in (None, "")}
    if len(filled) > _MOST_NOTES:
        raise ValueError(f"Razorpay keeps at most {_MOST_NOTES} notes, and there are {len(filled)}")
    return filled


Email = Annotated[
    str | None, Field(title="E-mail", max_length=64, pattern=r"^[^@\s]+@[^@\s]+$", description="At most 64 characters.")
]
Contact = Annotated[
    str | None,
    BeforeValidator(_clean_contact),
    Field(title="Phone", pattern=r"^\+?\d{8,14}$", description="With country code, e.g. +919000090000."),
]
Notes = Annotated[
    dict[str, str],
    BeforeValidator(_clean_notes),
    Field(
        title="Notes",
        description="Up to 15 pairs, kept with the record and sent back in webhooks; empty ones are left out.",
    ),
]
Reference = Annotated[
    str,
    Field(title="Reference", min_length=1, max_length=40, description="Our id of this request, e.g. the invoice id."),
]
Currency = Annotated[str, Field(title="Currency", pattern=r"^[A-Za-z]{3}$", description="ISO 4217, e.g. INR.")]
_ID = r"^{}_[A-Za-z0-9]+$"
InvoiceId = Annotated[
    str, Field(title="Invoice id", pattern=_ID.format("inv"), description="Razorpay's id of the invoice, e.g. inv_…")
]
PaymentId = Annotated[
    str, Field(title="Payment id", pattern=_ID.format("pay"), description="Razorpay's id of the payment, e.g. pay_…")
]


class NewCustomer(InputModel):
    """A customer to be known at Razorpay. A repeat with the same e-mail and phone gives the same customer."""

    name: str | None = Field(
        None, title="Name", description="Cut to 50 characters; signs that Razorpay does not take are left out."
    )
    email: Email = None
    contact: Contact = None
    gstin: str | None = Field(None, title="GSTIN", description="Tax number in India.")
    notes: Notes = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_recognised(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        if not self.email and not self.contact:
            raise ValueError("Give an e-mail or a phone: Razorpay recognises a repeated customer by them")
        return self


BillingInvoice = Annotated[
    str,
    Field(
        title="Follows the invoice",
        max_length=255,
        description="Id of the billing invoice whose money is asked for: what is asked then follows what is open on it, whatever"
        " the amount says. Empty: the amount is asked for.",
    ),
]


class _Request(InputModel):
    """What a request for money says, whichever form it takes."""

    reference: Reference
    billing_invoice_id: BillingInvoice = ""
    amount: int = Field(title="Amount", gt=0, description="Whole minor units (paise); at least 100 in INR.")
    currency: Currency = "INR"
    description: str | None = Field(None, title="Description", max_length=2048, description="Shown to the customer.")
    expire_by: int | None = Field(
        None, title="Expires at", gt=0, description="Seconds since 1970, at least 15 minutes ahead; empty: never."
    )
    is_partial_allowed: bool = Field(
        default=False, title="Allow partial payments", description="Whether it may be paid in several parts."
    )
    is_emailed: bool = Field(
        default=False, title="Razorpay sends an e-mail", description="Off, so that customers are not told twice."
    )
    is_texted: bool = Field(default=False, title="Razorpay sends a text message", description="Off, as above.")
    notes: Notes = Field(default_factory=dict)

    @model_validator(mode="after")
    def _amount_can_be_asked_for(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        check_amount(self.amount, self.currency)
        return self


def check_amount(amount: int, currency: str) -> None:
    """Raise ValueError for an amount that Razorpay refuses."""
    try:
        decimals = exponent(currency)
    except MoneyError as error:
        raise ValueError(str(error)) from error
    if currency.upper() == "INR" and amount < SMALLEST_INR:
        raise ValueError(f"Razorpay takes INR from 1.00 (100 paise) on, and this is {amount} paise")
    if decimals == 3 and amount % 10:
        raise ValueError(
            f"Razorpay takes {currency.upper()} only with a last decimal of 0, and this is {amount} minor units"
        )


class NewInvoice(_Request):
    """An invoice to be paid at Razorpay, with one line."""

    customer_id: str = Field(
        title="Customer id", min_length=1, description="Razorpay's id of the customer, e.g. cust_…"
    )
    line: str = Field("Invoice", title="Line", max_length=255, description="Text of the invoice's one line.")
    is_draft: bool = Field(default=False, title="Draft", description="Keep it back until it is issued.")


class NewPaymentLink(_Request):
    """A page where a customer pays one amount."""

    name: str | None = Field(None, title="Customer name", description="Shown on the page.")
    email: Email = None
    contact: Contact = None
    callback_url: str | None = Field(
        None, title="Return address", pattern=r"^https?://", description="Where the customer goes after paying."
    )


class OneInvoice(InputModel):
    """Names an invoice."""

    invoice_id: InvoiceId


class Withdrawal(InputModel):
    """A request for money that does not fit any more."""

    billing_invoice_id: str = Field(
        title="Billing invoice",
        min_length=1,
        max_length=255,
        description="The billing invoice that the request is for.",
    )
    request_id: str = Field(
        "",
        title="Request",
        pattern=r"^(inv_|plink_)\w+$|^$",
        description="Razorpay's id of the invoice or payment link. Empty: the one that asks for another amount than is open.",
    )


class OnePayment(InputModel):
    """Names a payment."""

    payment_id: PaymentId


class NewRefund(InputModel):
    """Money to be given back."""

    payment_id: PaymentId
    amount: int | None = Field(
        None, title="Amount", gt=0, description="Whole minor units; empty: all that was not refunded yet."
    )
    currency: Currency | None = Field(None, title="Currency", description="Of the payment; only for our own books.")
    is_instant: bool = Field(default=False, title="Instant", description="As fast as the customer's bank allows.")
    receipt: str | None = Field(None, title="Receipt", max_length=40, description="Our id of this refund.")
    notes: Notes = Field(default_factory=dict)


class RawCall(InputModel):
    """Any request to Razorpay's API."""

    method: str = Field("GET", title="Method", pattern=r"^(GET|POST|PUT|PATCH|DELETE)$", description="HTTP method.")
    path: str = Field(title="Path", pattern=r"^/[^/]", description="After /v1, e.g. /payments/pay_…")
    query: dict[str, str] = Field(default_factory=dict, title="Query", description="Parameters of the address.")
    body: JSONValue = Field(None, title="Body", description="Sent as JSON.")


class Customer(OutputModel):
    """A customer at Razorpay."""

    id: str
    name: str | None = None
    email: str | None = None
    contact: str | None = None


class Invoice(OutputModel):
    """An invoice at Razorpay; amounts in minor units."""

    id: str
    status: str | None = None
    reference: str | None = None
    short_url: str | None = None
    customer_id: str | None = None
    order_id: str | None = None
    amount: int | None = None
    amount_paid: int | None = None
    amount_due: int | None = None
    currency: str | None = None
    billing_invoice_id: str | None = None
    """Billing invoice, from the notes."""


class PaymentLink(OutputModel):
    """A payment link at Razorpay; amounts in minor units."""

    id: str
    status: str | None = None
    reference: str | None = None
    short_url: str | None = None
    order_id: str | None = None
    amount: int | None = None
    amount_paid: int | None = None
    currency: str | None = None
    billing_invoice_id: str | None = None
    """Billing invoice, from the notes."""


class Payment(OutputModel):
    """A payment as it stands now, with what it was for; amounts in minor units."""

    id: str
    status: str | None = None
    captured: bool | None = None
    amount: int | None = None
    currency: str | None = None
    method: str | None = None
    email: str | None = None
    contact: str | None = None
    order_id: str | None = None
    invoice_id: str | None = None
    amount_refunded: int | None = None
    refund_status: str | None = None
    fee: int = 0
    """Razorpay's fee with its tax; 0 where it is stated in another currency."""
    tax: int = 0
    """The tax of the fee."""
    created_at: int | None = None
    error_description: str | None = None
    account_id: str | None = None
    """Billing account, from the notes."""
    billing_customer_id: str | None = None
    billing_invoice_id: str | None = None
    sale_id: str | None = None
    """The id that names this sale everywhere: the billing invoice when the payment settles it whole, else the payment."""
    settles_minor: int | None = None
    """What it brings to the invoice: the amount, less Razorpay's fee where the customer paid it on top."""
    net: str | None = None
    """What it settles, before tax, in major units, as far as the notes tell; else all that it settles."""
    net_minor: int | None = None
    net_before_minor: int = 0
    """Net of the parts of the same invoice that were paid before this one."""


class Refund(OutputModel):
    """A refund at Razorpay; the amount in minor units."""

    id: str
    payment_id: str | None = None
    status: str | None = None
    amount: int | None = None
    currency: str | None = None
    created_at: int | None = None
    speed_processed: str | None = None


class RawAnswer(OutputModel):
    """What Razorpay answered."""

    status: int
    body: JSONValue = None
