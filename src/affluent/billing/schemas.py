"""The bodies of requests, as the dialect writes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from affluent.billing.fields import (
    Amount,
    Body,
    Country,
    Currency,
    Day,
    Description,
    Document,
    Email,
    Flag,
    Id,
    Key,
    Moment,
    Name,
    NeededEmail,
    Note,
    PlanName,
    Reference,
    Text,
    Value,
    Whole,
    Word,
)
from affluent.kit.jsons import JSONObject

AliasValue = Annotated[Id, StringConstraints(min_length=3)]
Metadata = Annotated[dict[Annotated[str, StringConstraints(max_length=100)], Text], Field(max_length=100)]
Tags = Annotated[tuple[Annotated[str, StringConstraints(min_length=1, max_length=50)], ...], Field(max_length=100)]
DataType = Literal["STRING", "NUMERIC", "JSON", "JSON_LOGIC"]
NetTermDays = Annotated[Whole, Field(ge=0, le=3650)]
RateCards = Annotated[list[Document], Field(max_length=500)]


class Address(Body):
    """Where a customer or account is."""

    phone_number: Text | None = None
    line1: Text | None = None
    line2: Text | None = None
    postal_code: Text | None = None
    city: Text | None = None
    state: Text | None = None
    country: Country | None = None


class InlineSetting(Body):
    """A setting given with its customer or account."""

    id: Word
    value: Value
    namespace: Word
    name: Text
    data_type: DataType


class NewSetting(InlineSetting):
    """POST /settings."""

    entity_type: Word
    entity_id: Id


class SettingChange(Body):
    """PATCH /settings/{id}."""

    name: Text | None = None
    value: Value | None = None
    data_type: DataType | None = None


class NewAlias(Body):
    """An alias with the time for which it holds."""

    value: AliasValue
    effective_from: Moment | None = None
    effective_until: Moment | None = None


class BillingInformation(Body):
    """Who gets an account's invoices."""

    email_recipients: Annotated[list[Email], Field(max_length=50)] | None = None
    additional_email_recipients: Annotated[list[Email], Field(max_length=50)] | None = None


class AccountOfCustomer(Body):
    """An account given with its new customer."""

    id: Id
    name: Name
    invoice_currency: Currency | None = None
    aliases: Annotated[list[AliasValue], Field(max_length=10)] | None = None
    account_aliases: Annotated[list[NewAlias], Field(max_length=10)] | None = None
    address: Address | None = None
    primary_email: Email | None = None
    billing_information: BillingInformation | None = None
    settings: Annotated[list[InlineSetting], Field(max_length=10)] | None = None
    net_term_days: NetTermDays | None = None
    metadata: Metadata | None = None
    tags: Tags | None = None
    status: Literal["ACTIVE", "DRAFT"] | None = None


class NewAccount(AccountOfCustomer):
    """POST /accounts."""

    customer_id: Reference


class AccountChange(Body):
    """PATCH /accounts/{id}."""

    name: Name | None = None
    status: Literal["ACTIVE", "DRAFT"] | None = None
    invoice_currency: Currency | None = None
    net_term_days: NetTermDays | None = None
    primary_email: Email | None = None
    billing_information: BillingInformation | None = None
    address: Address | None = None
    metadata: Metadata | None = None
    tags: Tags | None = None


class NewCustomer(Body):
    """POST /customers."""

    id: Id
    name: Name
    primary_email: Email
    address: Address
    settings: Annotated[list[InlineSetting], Field(max_length=10)] | None = None
    account: AccountOfCustomer | None = None


class CustomerChange(Body):
    """PATCH /customers/{id}."""

    name: Name | None = None
    primary_email: Email | None = None
    address: Address | None = None


class NewContact(Body):
    """POST /customers/{id}/contacts. A password is taken and not kept: this workspace has no customer portal."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    email: NeededEmail
    preferred_username: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{3,50}$")] | None = None
    password: Annotated[str, StringConstraints(max_length=100)] | None = None
    phone: Annotated[str, StringConstraints(max_length=30)] | None = None
    verified: Flag | None = None
    login_access: Flag | None = None


class AddAliases(Body):
    """POST /accounts/{id}/add_aliases."""

    aliases: Annotated[list[AliasValue], Field(min_length=1, max_length=10)] | None = None
    account_aliases: Annotated[list[NewAlias], Field(min_length=1, max_length=10)] | None = None


class EndAlias(Body):
    """An alias to be removed from a time on; without one, now."""

    id: Reference
    from_: Moment | None = Field(None, alias="from")


class RemoveAliases(Body):
    """POST /accounts/{id}/remove_aliases."""

    aliases: Annotated[list[Reference], Field(max_length=100)] | None = None
    account_aliases: Annotated[list[EndAlias], Field(max_length=100)] | None = None


class StartOffset(Body):
    """Where in its interval a pricing cycle begins."""

    day_offset: Annotated[str, StringConstraints(pattern=r"^([1-9]|[12][0-9]|3[01]|LAST)$")]
    month_offset: Annotated[str, StringConstraints(pattern=r"^([1-9]|1[0-2]|NIL|FIRST|LAST)$")]


class PricingCycle(Body):
    """How often a plan is billed."""

    interval: Literal["WEEKLY", "MONTHLY", "QUARTERLY", "HALF_YEARLY", "ANNUALLY"]
    start_offset: StartOffset | None = None
    grace_period: Annotated[Whole, Field(ge=0, le=366)]
    anniversary_cycle: Flag | None = None


class PlanOverride(Body):
    """Details of a plan that differ for an account, or in a new version. Rate cards are kept as they are given."""

    pricing_cycle_config: PricingCycle | None = None
    supported_currencies: Annotated[list[Currency], Field(min_length=1, max_length=200)] | None = None
    usage_rate_cards: RateCards | None = None
    fixed_fee_rate_cards: RateCards | None = None
    license_rate_cards: RateCards | None = None
    billing_entitlement_rate_cards: RateCards | None = None
    entitlement_overage_rate_cards: RateCards | None = None
    credit_grant_rate_cards: RateCards | None = None
    minimum_commitment: Document | None = None


class PlanDetails(PlanOverride):
    """Details of a new plan."""

    supported_currencies: Annotated[list[Currency], Field(min_length=1, max_length=200)]
    deferred_revenue: Flag | None = None
    allow_ongoing_cycle_updates: Flag | None = None


class NewPricePlan(Body):
    """POST /price_plans."""

    name: PlanName
    description: Description | None = None
    type: Literal["BILLING", "PURCHASE"] = "BILLING"
    price_plan_details: PlanDetails
    pricing_rules: Annotated[list[JSONObject], Field(max_length=0)] | None = None


class PricePlanChange(Body):
    """PATCH /price_plans/{id}: a new version when the plan is active."""

    description: Description | None = None
    price_plan_details: PlanOverride | None = None
    pricing_rules: Annotated[list[JSONObject], Field(max_length=0)] | None = None
    migration_mode: Literal["NONE"] | None = None
    versions_to_migrate: Literal["LATEST_VERSION", "ALL_VERSION"] | None = None


class Activation(Body):
    """POST /price_plans/{id}/activate; without currencies, all that the plan supports."""

    currencies: Annotated[list[Currency], Field(max_length=200)] | None = None


class EditOfSchedule(Body):
    """One attach or detach, as the first version of the call has it."""

    mode: Literal["ASSOCIATE", "DISASSOCIATE"] = "ASSOCIATE"
    price_plan_id: Reference | None = None
    effective_from: Day
    effective_until: Day
    price_plan_details_override: PlanOverride | None = None
    pricing_rules_override: Annotated[list[JSONObject], Field(max_length=0)] | None = None
    retain_start_offsets: Flag | None = None


class Attachment(EditOfSchedule):
    """POST /accounts/{id}/price_plans."""

    pre_actions: Annotated[list[JSONObject], Field(max_length=0)] | None = None


class EditsOfSchedule(Body):
    """POST /accounts/{id}/edit_schedules."""

    edits: Annotated[list[EditOfSchedule], Field(min_length=1, max_length=10)]


class Association(Body):
    """What the second version attaches."""

    price_plan_id: Reference | None = None
    schedule_id: Reference | None = None
    pricing_cycle_config_override: PricingCycle | None = None
    retain_start_offsets: Flag | None = None


class EditOfScheduleV2(Body):
    """One attach or detach, as the second version has it."""

    mode: Literal["ASSOCIATE", "DISASSOCIATE"] = "ASSOCIATE"
    effective_from: Day
    effective_until: Day
    association_config: Association | None = None
    merge_schedules: Flag | None = None


class EditsOfScheduleV2(Body):
    """POST /v2/accounts/{id}/edit_schedules."""

    edits: Annotated[list[EditOfScheduleV2], Field(min_length=1, max_length=10)]


class NewPurchase(Body):
    """POST /accounts/{id}/purchases. This workspace sells associations: plans that are attached."""

    type: Literal["ASSOCIATION"]
    price_plan_id: Reference
    quantity: Annotated[Whole, Field(ge=1, le=1)] | None = None
    idempotency_key: Key | None = None
    effective_from: Day | None = None
    effective_until: Day | None = None
    association_override: PlanOverride | None = None


class NewLine(Body):
    """One line of a custom invoice. `tax_amount` is ours: the dialect knows taxes in answers only."""

    id: Text | None = None
    description: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    value: Amount | None = None
    quantity: Amount | None = None
    value_per_quantity: Amount | None = None
    tax_amount: Amount | None = None
    billable_id: Reference | None = None


class NewInvoice(Body):
    """POST /invoices. Credits and wallets are not netted off here, so both flags may only be false."""

    account_id: Reference
    owner_type: Literal["ACCOUNT"] | None = None
    start_date: Moment
    end_date: Moment
    idempotency_key: Key | None = None
    status: Literal["DRAFT", "DUE", "PAID"]
    line_items: Annotated[list[NewLine], Field(min_length=1, max_length=50)]
    auto_advance: Flag | None = None
    apply_credits: Literal[False] | None = None
    apply_wallet_balance: Literal[False] | None = None


class InvoiceChange(Body):
    """PATCH /invoices/{id}: the status of any invoice, the rest of custom drafts."""

    status: Literal["DUE", "PAID", "VOID", "UN_COLLECTIBLE", "REFUND_INITIATED", "REFUND_COMPLETED"] | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    line_items: Annotated[list[NewLine], Field(min_length=1, max_length=50)] | None = None
    auto_advance: Flag | None = None


class OutsideReference(Body):
    """Where money came from."""

    source_name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    source_type: Literal["GATEWAY", "CASH", "CHEQUE", "BANK_TRANSFER", "CARD"]
    transaction_number: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    description: Note | None = None
    metadata: Document | None = None


class NewPaymentLine(Body):
    """The part of a payment for one invoice; the amount of a single line is the total when it is left out."""

    type: Literal["INVOICE"]
    togai_id: Reference
    amount: Amount | None = None
    order: Annotated[Whole, Field(ge=0, le=1000)]


class NewPayment(Body):
    """POST /payments."""

    account_id: Reference
    currency: Currency
    total_amount: Amount
    external_payment_reference: OutsideReference
    line_item_records: Annotated[list[NewPaymentLine], Field(min_length=1, max_length=50)]
    description: Note | None = None
    notes: Note | None = None


class NewCredit(Body):
    """One credit to be granted."""

    account_id: Reference
    purpose: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    priority: Annotated[Whole, Field(ge=1, le=100)]
    credit_amount: Amount
    effective_from: Day
    effective_until: Day | None = None
    applicable_entity_ids: Annotated[list[Reference], Field(max_length=100)] | None = None
    grantor_id: Text | None = None
    idempotency_key: Key | None = None


class NewCredits(Body):
    """POST /credits."""

    credit_requests: Annotated[list[NewCredit], Field(min_length=1, max_length=50)]
