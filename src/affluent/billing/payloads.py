"""The payloads of the workspace's events: what flows see. Money is text in major units with the currency's decimals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Payload(BaseModel):
    """Base of all parts of a payload."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class CustomerPart(Payload):
    """The customer as it was at the time of the event."""

    id: str = Field(title="Customer id")
    name: str = Field(title="Customer name")
    email: str = Field(title="Customer e-mail")
    status: str = Field(title="Customer status", description="ACTIVE or ARCHIVED.")
    address: dict[str, str] = Field(title="Customer address")
    settings: dict[str, str] = Field(title="Customer settings", description="Values by setting id.")
    created_at: str = Field(title="Customer since")


class AccountPart(Payload):
    """The account as it was at the time of the event."""

    id: str = Field(title="Account id")
    name: str = Field(title="Account name")
    customer_id: str = Field(title="Customer id")
    currency: str = Field(title="Invoice currency")
    email: str = Field(title="Account e-mail", description="The customer's when the account has none of its own.")
    status: str = Field(title="Account status", description="ACTIVE, DRAFT or ARCHIVED.")
    settings: dict[str, str] = Field(title="Account settings", description="Values by setting id.")
    metadata: dict[str, str] = Field(title="Account metadata")
    aliases: list[str] = Field(title="Account aliases")
    price_plan_id: str | None = Field(title="Price plan id", description="The plan in force; null: none.")
    price_plan_name: str | None = Field(title="Price plan name")
    created_at: str = Field(title="Account since")


class PricePlanPart(Payload):
    """A price plan."""

    id: str = Field(title="Price plan id")
    name: str = Field(title="Price plan name")
    type: str = Field(title="Price plan type", description="BILLING or PURCHASE.")
    status: str = Field(title="Price plan status", description="DRAFT, ACTIVE or ARCHIVED.")
    version: int = Field(title="Price plan version")
    currencies: list[str] = Field(title="Supported currencies")


class SchedulePart(Payload):
    """The time for which a plan is attached."""

    id: str = Field(title="Schedule id")
    effective_from: str = Field(title="Effective from", description="First day.")
    effective_until: str = Field(title="Effective until", description="Last day; 9999-01-01: no end.")


class LinePart(Payload):
    """A line of an invoice."""

    description: str = Field(title="Line description")
    net: str = Field(title="Line net amount")
    tax: str = Field(title="Line tax")
    total: str = Field(title="Line total")


class InvoicePart(Payload):
    """An invoice."""

    id: str = Field(title="Invoice id")
    number: str = Field(title="Invoice number")
    status: str = Field(title="Invoice status")
    invoice_class: str = Field(title="Invoice class", alias="class", description="INVOICE, ORDER or BILLABLE.")
    type: str = Field(title="Invoice type")
    currency: str = Field(title="Currency")
    net: str = Field(title="Net amount", description="Without tax.")
    tax: str = Field(title="Tax")
    total: str = Field(title="Total amount", description="Net and tax.")
    paid: str = Field(title="Paid amount")
    due: str = Field(title="Amount still due")
    start_date: str = Field(title="Period from", description="First day.")
    end_date: str = Field(title="Period until", description="Last day.")
    due_date: str = Field(title="Due date")
    created_at: str = Field(title="Created at")
    paid_at: str | None = Field(title="Paid at")
    price_plan_id: str | None = Field(title="Price plan id", description="The plan in force when it was made.")
    price_plan_name: str | None = Field(title="Price plan name")
    line_items: list[LinePart] = Field(title="Lines")


class RefundPart(Payload):
    """The money that went back."""

    id: str = Field(title="Refund id")
    net: str = Field(title="Refunded net amount")
    tax: str = Field(title="Refunded tax")
    total: str = Field(title="Refunded total")
    currency: str = Field(title="Currency")


class PaymentLinePart(Payload):
    """What of a payment goes to one invoice."""

    invoice_id: str = Field(title="Invoice id")
    amount: str = Field(title="Amount of this invoice")


class PaymentPart(Payload):
    """A payment."""

    id: str = Field(title="Payment id")
    amount: str = Field(title="Paid amount")
    currency: str = Field(title="Currency")
    source: str = Field(title="Source", description="Kind of the source, e.g. BANK_TRANSFER.")
    reference: str = Field(title="Transaction number")
    invoice_ids: list[str] = Field(title="Paid invoices")
    lines: list[PaymentLinePart] = Field(title="Amounts by invoice")
    created_at: str = Field(title="Recorded at")


class CreditPart(Payload):
    """A credit."""

    id: str = Field(title="Credit id")
    amount: str = Field(title="Credit amount")
    currency: str = Field(title="Currency")
    purpose: str = Field(title="Purpose")
    priority: int = Field(title="Priority", description="1 to 100; lower is used first.")
    effective_from: str = Field(title="Effective from")
    effective_until: str | None = Field(title="Effective until")
    grantor_id: str = Field(title="Granted through")


class CustomerCreated(Payload):
    """customer.created."""

    customer: CustomerPart


class AccountCreated(Payload):
    """account.created, account.archived."""

    account: AccountPart
    customer: CustomerPart


class AccountUpdated(AccountCreated):
    """account.updated."""

    changes: list[str] = Field(title="Changed fields")


class PricePlanCreated(Payload):
    """price_plan.created."""

    price_plan: PricePlanPart


class PricePlanAttached(AccountCreated):
    """price_plan.attached, price_plan.detached."""

    price_plan: PricePlanPart
    schedule: SchedulePart
    remaining_plans: int = Field(
        title="Remaining plans", description="How many schedules are in force, or to come, once the change has effect."
    )


class InvoiceGenerated(AccountCreated):
    """invoice.generated: once, when it leaves DRAFT."""

    invoice: InvoicePart


class InvoiceUpdated(InvoiceGenerated):
    """invoice.updated, invoice.paid; paid once only."""

    previous_status: str = Field(title="Previous status")


class InvoiceRefunded(InvoiceGenerated):
    """invoice.refunded."""

    refund: RefundPart


class PaymentRecorded(AccountCreated):
    """payment.recorded."""

    payment: PaymentPart


class CreditGranted(AccountCreated):
    """credit.granted."""

    credit: CreditPart


EVENTS: dict[str, type[Payload]] = {
    "customer.created": CustomerCreated,
    "account.created": AccountCreated,
    "account.updated": AccountUpdated,
    "account.archived": AccountCreated,
    "price_plan.created": PricePlanCreated,
    "price_plan.attached": PricePlanAttached,
    "price_plan.detached": PricePlanAttached,
    "invoice.generated": InvoiceGenerated,
    "invoice.updated": InvoiceUpdated,
    "invoice.paid": InvoiceUpdated,
    "invoice.refunded": InvoiceRefunded,
    "payment.recorded": PaymentRecorded,
    "credit.granted": CreditGranted,
}
"""Every event of the workspace with the shape of its payload."""
