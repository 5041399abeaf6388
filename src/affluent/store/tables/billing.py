"""The tables of the billing workspace. Amounts are whole minor units of the currency beside them; dates are ISO texts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from affluent.store.schema.types import Instant, Json
from affluent.store.tables import metadata

customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    # Given by us and sorted by time of creation: lists follow it, so that a page never skips what changed meanwhile.
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("address", Json, nullable=False),
    Column("status", Text, nullable=False),
    Column("search", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_customers_status", "status", "key"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("username", Text, primary_key=True),
    Column("customer_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("login_access", Boolean, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("customer_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("address", Json, nullable=False),
    Column("net_term_days", Integer, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("billing_information", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_accounts_customer", "customer_id", "key"),
    Index("ix_accounts_status", "status", "key"),
)

account_aliases = Table(
    "account_aliases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("value", Text, nullable=False, unique=True),
    Column("effective_from", Instant),
    Column("effective_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("full_id", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("entity_type", Text, nullable=False),
    Column("entity_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("data_type", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_settings_entity", "entity_type", "entity_id", "full_id"),
)

price_plans = Table(
    "price_plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("active_currencies", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

price_plan_versions = Table(
    "price_plan_versions",
    metadata,
    Column("price_plan_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("id", Text, nullable=False),
    Column("details", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

pricing_schedules = Table(
    "pricing_schedules",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("price_plan_id", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("start_date", Text, nullable=False),
    Column("end_date", Text, nullable=False),
    Column("is_overridden", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_pricing_schedules_account", "account_id", "start_date"),
)

purchases = Table(
    "purchases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("price_plan_id", Text, nullable=False),
    Column("price_plan_version", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("effective_from", Text, nullable=False),
    Column("effective_until", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("account_id", "idempotency_key"),
    Index("ix_purchases_account", "account_id", "id"),
)

invoices = Table(
    "invoices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Text, unique=True),
    Column("account_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("invoice_class", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("tax_minor", BigInteger, nullable=False),
    Column("paid_minor", BigInteger, nullable=False),
    Column("lines", Json, nullable=False),
    Column("start_at", Instant, nullable=False),
    Column("end_at", Instant, nullable=False),
    Column("invoice_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("net_term_days", Integer, nullable=False),
    Column("generated_at", Instant),
    Column("paid_at", Instant),
    Column("price_plan_id", Text),
    Column("price_plan_name", Text),
    Column("auto_advance", Boolean, nullable=False),
    Column("idempotency_key", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("account_id", "idempotency_key"),
    Index("ix_invoices_account", "account_id", "id"),
    Index("ix_invoices_customer", "customer_id", "id"),
    Index("ix_invoices_status", "status", "id"),
    Index("ix_invoices_date", "invoice_at"),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("reference", Json, nullable=False),
    Column("lines", Json, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("account_id", "fingerprint"),
    Index("ix_payments_account", "account_id", "id"),
)

granted_credits = Table(
    "credits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("applicable_entity_ids", Json, nullable=False),
    Column("effective_from", Text, nullable=False),
    Column("effective_until", Text),
    Column("grantor_id", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("voided_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("account_id", "idempotency_key"),
    Index("ix_credits_account", "account_id", "id"),
)

billing_numbers = Table(
    "billing_numbers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)
