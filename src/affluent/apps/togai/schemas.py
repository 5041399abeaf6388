"""Credentials of Togai, and what its actions take and give."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.money import MoneyError, exponent
from affluent.sdk import CredentialsModel, InputModel, OutputModel

SAAS = "https://api.togai.com"
SANDBOX = "https://sandbox-api.togai.com"
FOREVER = date(9999, 1, 1)

_MAJOR = "Major units with the currency's own decimals, as text."
_MINOR = "Whole number of minor units: 249900 is USD 2,499.00."


class Credentials(CredentialsModel):
    """A Togai connection."""

    secret_key: SecretStr = Field(
        title="Secret key", description="Secret key of an API token: Admin Center, API tokens, Generate new token."
    )
    base_url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        title="Base URL",
        description=f"Empty: this server's own billing workspace. Togai's cloud is {SAAS}, its sandbox {SANDBOX}.",
        json_schema_extra={
            "examples": [SAAS, SANDBOX],
            "choices": {"": "This server's billing workspace", SAAS: "Togai", SANDBOX: "Togai sandbox"},
        },
    )

    @field_validator("base_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class _Money(InputModel):
    amount: int = Field(gt=0, strict=True, title="Amount", description=_MINOR)
    currency: str = Field(min_length=3, max_length=3, title="Currency", description="ISO 4217, e.g. USD.")

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, value: str) -> str:
        try:
            exponent(value)
        except MoneyError as error:
            raise ValueError(str(error)) from error
        return value.upper()


class AccountRef(InputModel):
    """Which account."""

    account_id: str = Field(min_length=1, max_length=255, title="Account id", description="The account's own id.")


class InvoiceRef(InputModel):
    """Which invoice."""

    invoice_id: str = Field(min_length=1, max_length=255, title="Invoice id", description="E.g. inv.21zj…")


class AccountsPage(InputModel):
    """Which accounts."""

    customer_id: str = Field("", title="Customer id", description="Only accounts of this customer; empty: of all.")
    status: Literal["", "ACTIVE", "DRAFT", "ARCHIVED"] = Field(
        "", title="Status", description="Only accounts of this status; empty: of any."
    )
    page_size: int = Field(100, ge=1, le=100, title="Page size", description="1 to 100.")
    next_token: str = Field("", title="Next token", description="From the page before; empty: the first page.")


Entity = Literal["ACCOUNT", "CUSTOMER", "INVOICE", "PRICE_PLAN", "ORGANIZATION"]


class SettingRef(InputModel):
    """Which setting of what."""

    entity_id: str = Field(min_length=1, title="Entity id", description="Id of the account, customer or other record.")
    setting_id: str = Field(min_length=1, title="Setting id", description="E.g. FirstPromoterTid.")
    entity_type: Entity = Field("ACCOUNT", title="Entity type", description="What the entity id is an id of.")
    customer_id: str = Field(
        "", title="Customer id", description="Its customer, looked at when an account has no such setting."
    )


class NewSetting(InputModel):
    """A setting as it shall be."""

    entity_id: str = Field(min_length=1, title="Entity id", description="Id of the account, customer or other record.")
    setting_id: str = Field(min_length=1, title="Setting id", description="E.g. RazorPayCustomerId.")
    value: str = Field(min_length=1, title="Value", description="Text; what was there is replaced.")
    entity_type: Entity = Field("ACCOUNT", title="Entity type", description="What the entity id is an id of.")
    name: str = Field("", title="Name", description="Shown to people; empty: the setting id.")
    namespace: str = Field("USER", min_length=1, title="Namespace", description="USER unless you know better.")

    @field_validator("value", mode="before")
    @classmethod
    def _as_text(cls, value: JSONValue) -> JSONValue:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class PlanToAttach(AccountRef):
    """Which plan, from when until when."""

    price_plan: str = Field(min_length=1, title="Price plan", description="Id or name of an active recurring plan.")
    effective_from: date | None = Field(
        None,
        title="From",
        description="First day; empty: today. An account that has a plan today can change only from tomorrow on, "
        "so an earlier day becomes tomorrow then.",
    )
    effective_until: date = Field(FOREVER, title="Until", description="9999-01-01 means for ever.")


class PlanToDetach(AccountRef):
    """Which plan, from when on."""

    price_plan: str = Field("", title="Price plan", description="Id or name; empty: whatever plan is attached.")
    effective_from: date | None = Field(
        None, title="From", description="First day without it; empty or in the past: tomorrow, the earliest day."
    )


class NewCustomer(InputModel):
    """A customer to be created, with its first account."""

    id: str = Field(min_length=1, max_length=50, title="Customer id", description="Yours; it never changes.")
    name: str = Field(min_length=3, max_length=255, title="Name", description="3 to 255 characters.")
    email: str = Field(min_length=3, max_length=320, title="Email", description="Primary e-mail address.")
    address: dict[str, str] = Field(
        default_factory=dict,
        title="Address",
        description="phoneNumber, line1, line2, postalCode, city, state, country (two letters); all optional.",
    )


class NewAccount(InputModel):
    """An account to be created."""

    id: str = Field(min_length=1, max_length=50, title="Account id", description="Yours; it never changes.")
    customer_id: str = Field(min_length=1, max_length=255, title="Customer id", description="The customer it is for.")
    name: str = Field(min_length=3, max_length=255, title="Name", description="3 to 255 characters.")
    currency: str = Field(
        "", max_length=3, title="Currency", description="Invoice currency, ISO 4217; empty: Togai's default."
    )
    email: str = Field("", max_length=320, title="Email", description="Primary e-mail address.")
    metadata: dict[str, str] = Field(default_factory=dict, title="Metadata", description="Own keys and values.")


class NewPayment(_Money):
    """A payment to be recorded."""

    account_id: str = Field(min_length=1, max_length=512, title="Account id", description="The account that paid.")
    invoice_id: str = Field(min_length=1, title="Invoice id", description="The invoice that it pays.")
    transaction_number: str = Field(
        min_length=1, max_length=255, title="Transaction number", description="The source's id of this payment."
    )
    source_name: str = Field(min_length=1, title="Source", description="Where it was paid, e.g. Razorpay.")
    source_type: Literal["GATEWAY", "CASH", "CHEQUE", "BANK_TRANSFER", "CARD"] = Field(
        "GATEWAY", title="Source type", description="How it was paid."
    )
    description: str = Field("", max_length=512, title="Description", description="Shown with the payment.")


class NewCredit(_Money):
    """A credit to be granted."""

    account_id: str = Field(min_length=1, title="Account id", description="The account that is given the credit.")
    purpose: str = Field(min_length=1, max_length=255, title="Purpose", description="What it is granted for.")
    priority: int = Field(50, ge=1, le=100, title="Priority", description="1 to 100; the lower is used first.")
    effective_from: date | None = Field(None, title="From", description="First day; empty: today.")
    effective_until: date | None = Field(None, title="Until", description="Last day; empty: no end.")
    grantor_id: str = Field("", title="Grantor id", description="Whom it comes through, e.g. the promoter's id.")


class ApiCall(InputModel):
    """Any request to Togai's API."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field("GET", title="Method", description="HTTP method.")
    path: str = Field(pattern=r"^/\S*$", title="Path", description="Starts with /, e.g. /accounts/ACC-1/wallet.")
    query: dict[str, str | int] = Field(default_factory=dict, title="Query", description="Parameters of the URL.")
    body: JSONObject | None = Field(None, title="Body", description="Sent as JSON; empty: no body.")


class ApiAnswer(OutputModel):
    """What Togai said."""

    status: int = Field(title="Status", description="HTTP status, 200 to 299.")
    body: JSONValue = Field(None, title="Body", description="The answer's JSON.")


class AccountRecord(OutputModel):
    """An account as Togai has it now."""

    account_id: str = Field(title="Account id", description="Its own id.")
    customer_id: str = Field("", title="Customer id", description="The customer it belongs to.")
    name: str = Field("", title="Name", description="Name of the account.")
    email: str = Field("", title="Email", description="Primary e-mail address; empty when there is none.")
    currency: str = Field("", title="Currency", description="Invoice currency, ISO 4217; empty when unknown.")
    status: str = Field("", title="Status", description="ACTIVE, DRAFT or ARCHIVED.")
    settings: dict[str, str] = Field(default_factory=dict, title="Settings", description="Values by setting id.")
    metadata: dict[str, str] = Field(default_factory=dict, title="Metadata", description="Own keys and values.")
    aliases: list[str] = Field(default_factory=list, title="Aliases", description="Other ids of the account.")


class AccountRecords(OutputModel):
    """One page of accounts."""

    accounts: list[AccountRecord] = Field(title="Accounts", description="In Togai's order, last changed first.")
    next_token: str = Field("", title="Next token", description="For the next page; empty: this was the last.")


class CustomerRecord(OutputModel):
    """A customer as Togai has it now."""

    customer_id: str = Field(title="Customer id", description="Its own id.")
    name: str = Field("", title="Name", description="Name of the business.")
    email: str = Field("", title="Email", description="Primary e-mail address.")
    status: str = Field("", title="Status", description="ACTIVE or ARCHIVED.")


class SettingRecord(OutputModel):
    """A setting as Togai has it now."""

    found: bool = Field(title="Found", description="Whether there is such a setting.")
    value: str | None = Field(None, title="Value", description="Its value; null when there is none.")
    entity_type: str = Field("", title="Entity type", description="Where it was found.")
    entity_id: str = Field("", title="Entity id", description="Where it was found.")
    setting_id: str = Field("", title="Setting id", description="Its id.")


class Attachment(OutputModel):
    """A plan attached to an account."""

    account_id: str = Field(title="Account id", description="The account.")
    price_plan_id: str = Field(title="Price plan id", description="The plan.")
    price_plan_name: str = Field("", title="Price plan", description="Name of the plan.")
    schedule_id: str = Field("", title="Schedule id", description="Togai's id of the entry.")
    effective_from: str = Field("", title="From", description="First day, YYYY-MM-DD.")
    effective_until: str = Field("", title="Until", description="YYYY-MM-DD; 9999-01-01 means for ever.")


class Detachment(OutputModel):
    """A plan taken from an account."""

    account_id: str = Field(title="Account id", description="The account.")
    price_plan_ids: list[str] = Field(default_factory=list, title="Price plans", description="The plans taken off.")
    effective_from: str = Field("", title="From", description="First day without them, YYYY-MM-DD.")


class InvoiceRecord(OutputModel):
    """An invoice as Togai has it now."""

    invoice_id: str = Field(title="Invoice id", description="Togai's id.")
    number: str = Field("", title="Number", description="What people know it by.")
    status: str = Field("", title="Status", description="DRAFT, DUE, PARTIALLY_PAID, PAID, VOID and so on.")
    account_id: str = Field("", title="Account id", description="The account it is for.")
    customer_id: str = Field("", title="Customer id", description="The customer it is for.")
    currency: str = Field("", title="Currency", description="ISO 4217; empty when Togai does not say.")
    total: str = Field("", title="Total", description=f"With tax. {_MAJOR}")
    paid: str = Field("", title="Paid", description=f"Paid so far. {_MAJOR}")
    due_date: str | None = Field(None, title="Due date", description="When it is to be paid.")
    price_plan_id: str | None = Field(None, title="Price plan id", description="The plan it was made by.")
    pdf_url: str | None = Field(None, title="PDF", description="Where the document is, when there is one.")


class PaymentRecord(OutputModel):
    """A recorded payment."""

    payment_id: str = Field(title="Payment id", description="Togai's id.")
    account_id: str = Field(title="Account id", description="The account that paid.")
    invoice_id: str = Field(title="Invoice id", description="The invoice that it pays.")
    amount: str = Field(title="Amount", description=_MAJOR)
    currency: str = Field(title="Currency", description="ISO 4217.")
    transaction_number: str = Field(title="Transaction number", description="The source's id of this payment.")


class CreditRecord(OutputModel):
    """A granted credit."""

    credit_id: str = Field(title="Credit id", description="Togai's id.")
    account_id: str = Field(title="Account id", description="The account that was given the credit.")
    amount: str = Field(title="Amount", description=_MAJOR)
    currency: str = Field(title="Currency", description="ISO 4217.")
    status: str = Field("", title="Status", description="ACTIVE, CONSUMED, EXPIRED or VOIDED.")
