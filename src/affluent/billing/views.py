"""What the workspace answers: each noun as a frozen value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """Part of a list. `next` is what to give as `after` for the following part, empty on the last."""

    items: tuple[T, ...]
    next: str = ""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value that integrations keep on an entity."""

    full_id: str
    """setting.<namespace>.<id>.<entity type>.<entity id>"""
    id: str
    namespace: str
    entity_type: str
    entity_id: str
    name: str
    value: str
    data_type: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A business."""

    id: str
    key: str
    """The id that the workspace gave it."""
    name: str
    email: str
    address: Mapping[str, str]
    status: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person of a customer."""

    username: str
    customer_id: str
    name: str
    email: str
    phone: str
    verified: bool
    login_access: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another id of an account, maybe for a time only."""

    id: str
    value: str
    effective_from: datetime | None
    effective_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where plans, invoices, payments and credits of a customer hang."""

    id: str
    key: str
    customer_id: str
    customer_key: str
    name: str
    email: str
    currency: str
    status: str
    address: Mapping[str, str]
    net_term_days: int
    metadata: Mapping[str, str]
    tags: tuple[str, ...]
    billing_information: JSONObject
    aliases: tuple[Alias, ...]
    settings: tuple[Setting, ...]
    price_plan_id: str | None
    """The plan in force today."""
    price_plan_name: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlanVersion:
    """What a plan consisted of from some time on."""

    id: str
    version: int
    details: JSONObject
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePlan:
    """A plan at its newest version, or at the one asked for."""

    id: str
    name: str
    description: str
    type: str
    status: str
    version: int
    currencies: tuple[str, ...]
    """The supported ones."""
    active_currencies: tuple[str, ...]
    details: JSONObject
    versions: tuple[PricePlanVersion, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A plan of an account for a time; both dates belong to it."""

    id: str
    account_id: str
    price_plan_id: str
    price_plan_name: str
    price_plan_description: str
    version: int
    start_date: date
    end_date: date
    is_overridden: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEdit:
    """What an edit of an account's schedules leaves."""

    account_id: str
    account_name: str
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A plan bought; a recurring one is attached by it."""

    id: str
    account_id: str
    price_plan_id: str
    price_plan_name: str
    price_plan_version: int
    type: str
    status: str
    idempotency_key: str | None
    effective_from: date
    effective_until: date
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line of an invoice."""

    description: str
    net: Money
    tax: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A demand for money."""

    id: str
    number: str
    """Empty until it leaves DRAFT."""
    account_id: str
    account_name: str
    account_email: str
    account_address: Mapping[str, str]
    customer_id: str
    customer_name: str
    customer_email: str
    customer_address: Mapping[str, str]
    status: str
    invoice_class: str
    type: str
    currency: str
    net: Money
    tax: Money
    total: Money
    paid: Money
    lines: tuple[InvoiceLine, ...]
    start_at: datetime
    end_at: datetime
    invoice_at: datetime
    due_at: datetime
    net_term_days: int
    generated_at: datetime | None
    paid_at: datetime | None
    price_plan_id: str | None
    price_plan_name: str | None
    auto_advance: bool
    created_at: datetime
    updated_at: datetime

    @property
    def due(self) -> Money:
        """What is still to be paid; nothing once it is void, uncollectible or refunded."""
        owed = self.status in ("DUE", "PARTIALLY_PAID", "UN_COLLECTIBLE", "DRAFT")
        return Money(self.total.minor_units - self.paid.minor_units if owed else 0, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """The part of a payment that goes to one invoice."""

    invoice_id: str
    order: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money received."""

    id: str
    account_id: str
    amount: Money
    description: str
    notes: str
    source_name: str
    source_type: str
    transaction_number: str
    reference: JSONObject
    """The outside reference as it was given."""
    lines: tuple[PaymentLine, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A promotional amount granted to an account."""

    id: str
    account_id: str
    customer_id: str
    purpose: str
    priority: int
    amount: Money
    applicable_entity_ids: tuple[str, ...]
    effective_from: date
    effective_until: date | None
    grantor_id: str
    idempotency_key: str | None
    status: str
    voided_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditBalance:
    """What an account's credits come to today."""

    active: Money
    """Neither voided nor expired."""
    available: Money
    """Of the active ones, those already in effect."""
    inapplicable: Money
    """Of the active ones, those that begin later."""
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDetail:
    """A customer with everything below it."""

    customer: Customer
    settings: tuple[Setting, ...]
    contacts: tuple[Contact, ...]
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDetail:
    """An account with everything a person looks for on its page."""

    account: Account
    customer: Customer
    customer_settings: tuple[Setting, ...]
    schedules: tuple[Schedule, ...]
    invoices: tuple[Invoice, ...]
    """The newest ones."""
    payments: tuple[Payment, ...]
    """The newest ones."""
    credits: tuple[Credit, ...]
    """The newest ones."""
    balance: CreditBalance
