"""What Togai's events carry: money as decimal text in major units, times in ISO 8601 with their zone."""

from __future__ import annotations

from pydantic import Field

from affluent.kit.jsons import JSONObject
from affluent.sdk import OutputModel

_ID = "Chosen by whoever created it; never changes."
_MAJOR = "Major units with the currency's own decimals, as text."


class Customer(OutputModel):
    """A business."""

    id: str = Field(title="Customer id", description=_ID)
    name: str = Field("", title="Name", description="Name of the business.")
    email: str = Field("", title="Email", description="Primary e-mail address; empty when there is none.")
    status: str = Field("ACTIVE", title="Status", description="ACTIVE or ARCHIVED.")
    address: JSONObject = Field(default_factory=dict, title="Address", description="line1, city, country and so on.")
    settings: dict[str, str] = Field(
        default_factory=dict, title="Settings", description="Values by setting id, as they were at that moment."
    )
    created_at: str | None = Field(None, title="Created at", description="When it was created.")


class Account(OutputModel):
    """What a customer is billed on."""

    id: str = Field(title="Account id", description=_ID)
    name: str = Field("", title="Name", description="Name of the account.")
    customer_id: str = Field("", title="Customer id", description="The customer it belongs to.")
    currency: str = Field("", title="Currency", description="Invoice currency, ISO 4217.")
    email: str = Field("", title="Email", description="Primary e-mail address; empty when there is none.")
    status: str = Field("ACTIVE", title="Status", description="ACTIVE, DRAFT or ARCHIVED.")
    settings: dict[str, str] = Field(
        default_factory=dict,
        title="Settings",
        description="Values by setting id, e.g. FirstPromoterTid or RazorPayCustomerId, as they were at that moment.",
    )
    metadata: dict[str, str] = Field(default_factory=dict, title="Metadata", description="Own keys and values.")
    aliases: list[str] = Field(default_factory=list, title="Aliases", description="Other ids of the account.")
    price_plan_id: str | None = Field(None, title="Price plan id", description="The plan attached at that moment.")
    price_plan_name: str | None = Field(None, title="Price plan", description="Name of that plan.")
    created_at: str | None = Field(None, title="Created at", description="When it was created.")


class PricePlan(OutputModel):
    """What an account is charged by."""

    id: str = Field(title="Price plan id", description="Given by Togai, e.g. pp.1zY5…")
    name: str = Field("", title="Name", description="Name of the plan.")
    type: str = Field("BILLING", title="Type", description="BILLING (recurring) or PURCHASE (once).")
    status: str = Field("ACTIVE", title="Status", description="DRAFT, ACTIVE or ARCHIVED.")
    version: int = Field(1, title="Version", description="Version of the plan.")
    currencies: list[str] = Field(
        default_factory=list, title="Currencies", description="ISO 4217 codes it has rates in."
    )


class Schedule(OutputModel):
    """From when until when a plan is attached."""

    id: str = Field(title="Schedule id", description="Given by Togai.")
    effective_from: str = Field("", title="From", description="First day, YYYY-MM-DD.")
    effective_until: str = Field("", title="Until", description="YYYY-MM-DD; 9999-01-01 means for ever.")


class LineItem(OutputModel):
    """A line of an invoice."""

    description: str = Field("", title="Description", description="What it is for.")
    net: str = Field("", title="Net", description=_MAJOR)
    tax: str = Field("", title="Tax", description=_MAJOR)
    total: str = Field("", title="Total", description=_MAJOR)


class Invoice(OutputModel):
    """An invoice or an order."""

    id: str = Field(title="Invoice id", description="Given by Togai, e.g. inv.21zj…")
    number: str = Field("", title="Number", description="What people know it by, e.g. INV-2043.")
    status: str = Field("", title="Status", description="DRAFT, DUE, PARTIALLY_PAID, PAID, VOID, REFUND_INITIATED …")
    invoice_class: str = Field("INVOICE", alias="class", title="Class", description="INVOICE, ORDER or BILLABLE.")
    type: str = Field("STANDARD", title="Type", description="STANDARD, CUSTOM and so on.")
    currency: str = Field("", title="Currency", description="ISO 4217.")
    net: str = Field("", title="Net", description=f"Without tax. {_MAJOR}")
    tax: str = Field("", title="Tax", description=_MAJOR)
    total: str = Field("", title="Total", description=f"With tax. {_MAJOR}")
    paid: str = Field("", title="Paid", description=f"Paid so far. {_MAJOR}")
    due: str = Field("", title="Due", description=f"Still to be paid. {_MAJOR}")
    start_date: str | None = Field(None, title="Start", description="First day of the period.")
    end_date: str | None = Field(None, title="End", description="Last day of the period.")
    due_date: str | None = Field(None, title="Due date", description="When it is to be paid.")
    created_at: str | None = Field(None, title="Created at", description="When it was made.")
    paid_at: str | None = Field(None, title="Paid at", description="When it was paid in full.")
    price_plan_id: str | None = Field(None, title="Price plan id", description="The plan it was made by.")
    price_plan_name: str | None = Field(None, title="Price plan", description="Name of that plan.")
    line_items: list[LineItem] = Field(default_factory=list, title="Lines", description="What it consists of.")


class Refund(OutputModel):
    """Money given back."""

    id: str = Field(title="Refund id", description="Known by this, however often it is delivered.")
    net: str = Field("", title="Net", description=f"Without tax. {_MAJOR}")
    tax: str = Field("", title="Tax", description=_MAJOR)
    total: str = Field("", title="Total", description=f"With tax. {_MAJOR}")
    currency: str = Field("", title="Currency", description="ISO 4217.")


class PaymentLine(OutputModel):
    """What of a payment goes to one invoice."""

    invoice_id: str = Field(title="Invoice id", description="The invoice.")
    amount: str = Field("", title="Amount", description=_MAJOR)


class Payment(OutputModel):
    """Money received."""

    id: str = Field(title="Payment id", description="Given by Togai.")
    amount: str = Field("", title="Amount", description=_MAJOR)
    currency: str = Field("", title="Currency", description="ISO 4217.")
    source: str = Field("", title="Source", description="Where it was paid, e.g. Razorpay.")
    reference: str = Field("", title="Reference", description="Transaction number at the source.")
    invoice_ids: list[str] = Field(default_factory=list, title="Invoices", description="Ids of the invoices it pays.")
    lines: list[PaymentLine] = Field(
        default_factory=list, title="Lines", description="How much of it goes to each of these invoices."
    )
    created_at: str | None = Field(None, title="Created at", description="When it was recorded.")


class Credit(OutputModel):
    """Money that an account may use up."""

    id: str = Field(title="Credit id", description="Given by Togai.")
    amount: str = Field("", title="Amount", description=_MAJOR)
    currency: str = Field("", title="Currency", description="ISO 4217.")
    purpose: str = Field("", title="Purpose", description="What it was granted for.")
    priority: int = Field(1, title="Priority", description="1 to 100; the lower is used first.")
    effective_from: str = Field("", title="From", description="First day, YYYY-MM-DD.")
    effective_until: str | None = Field(None, title="Until", description="Last day, YYYY-MM-DD.")
    grantor_id: str | None = Field(None, title="Grantor", description="Whom it came through.")


class _OfCustomer(OutputModel):
    customer: Customer = Field(title="Customer", description="As it was at that moment.")


class _OfAccount(_OfCustomer):
    account: Account = Field(title="Account", description="As it was at that moment.")


class _OfInvoice(_OfAccount):
    invoice: Invoice = Field(title="Invoice", description="As it was at that moment.")


class CustomerCreated(_OfCustomer):
    """A customer was created."""


class AccountEvent(_OfAccount):
    """Something happened to an account."""


class AccountUpdated(_OfAccount):
    """An account was changed."""

    changes: list[str] = Field(default_factory=list, title="Changes", description="Names of the changed fields.")


class PricePlanCreated(OutputModel):
    """A price plan was created."""

    price_plan: PricePlan = Field(title="Price plan", description="As it was created.")


class PricePlanScheduled(_OfAccount):
    """A price plan was attached or detached."""

    price_plan: PricePlan = Field(title="Price plan", description="The plan that was attached or detached.")
    schedule: Schedule = Field(title="Schedule", description="From when until when.")
    remaining_plans: int = Field(
        0, title="Remaining plans", description="How many plans the account has now and from now on; 0: it has left."
    )


class InvoiceGenerated(_OfInvoice):
    """An invoice was generated."""


class InvoiceChanged(_OfInvoice):
    """An invoice changed its status."""

    previous_status: str = Field("", title="Previous status", description="The status before.")


class InvoiceRefunded(_OfInvoice):
    """An invoice was refunded."""

    refund: Refund = Field(title="Refund", description="What was given back.")


class PaymentRecorded(_OfAccount):
    """A payment was recorded."""

    payment: Payment = Field(title="Payment", description="What was received.")


class CreditGranted(_OfAccount):
    """A credit was granted."""

    credit: Credit = Field(title="Credit", description="What was granted.")
