"""Which tables the audit log watches, what of a row is hidden in it, and why the other tables are not watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from affluent.kit.jsons import JSONValue, dumps
from affluent.kit.redact import HIDDEN, redact

_ALWAYS_QUIET = frozenset({"updated_at", "created_at", "key", "search"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """How changes of a table's rows are told."""

    noun: str
    name: str = "name"
    """The column that people know a row by; empty: its key."""
    hidden: frozenset[str] = frozenset()
    """Secrets: that they changed is told, and nothing else."""
    quiet: frozenset[str] = frozenset()
    """A change of these alone is no news."""
    presence: frozenset[str] = frozenset()
    """Told is only whether there is one."""
    digested: frozenset[str] = frozenset()
    """Long documents that are kept elsewhere: told is their SHA-256."""
    by_hand_only: bool = False
    """Workers change these rows all the time; that is told in Activity. Here is what people and programs do to them."""
    only: frozenset[str] = field(default=frozenset())
    """Not empty: no other column is told."""

    def shown(self, row: Mapping[str, Any]) -> dict[str, JSONValue]:
        """The columns that are told, as JSON without secrets."""
        quiet = self.quiet | _ALWAYS_QUIET
        columns = {
            name: value for name, value in row.items() if name not in quiet and (not self.only or name in self.only)
        }
        return {name: self._value(name, value) for name, value in columns.items()}

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, JSONValue]:
        """Column → [before, after] of what differs and is told. A row that is not there is an empty mapping."""
        was, now = self.shown(before), self.shown(after)
        names = [name for name in (now or was) if before.get(name) != after.get(name)]
        return {
            name: [was.get(name), now.get(name)]
            for name in names
            if was.get(name) != now.get(name) or name in self.hidden
        }

    def _value(self, name: str, value: Any) -> JSONValue:  # noqa: ANN401 - a column's own type
        if value is None or value in ("", b""):
            return None
        if name in self.hidden:
            return HIDDEN
        if name in self.presence:
            return "present"
        if name in self.digested:
            return f"sha256:{sha256(dumps(value).encode()).hexdigest()}"
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Decimal):
            return str(value)
        return redact({name: value})[name]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


AUDITED: dict[str, Audited] = {
    "tokens": Audited(noun="token", hidden=_set("secret_hash former_hash"), quiet=_set("last_used_at hint")),
    "connections": Audited(noun="connection", hidden=_set("secrets"), quiet=_set("tested_at version")),
    "flows": Audited(noun="flow", presence=_set("draft"), quiet=_set("draft_at")),
    "flow_versions": Audited(noun="flow version", name="note", digested=_set("definition"), quiet=_set("author")),
    "flow_connections": Audited(noun="flow connection", hidden=_set("hook_token hook_secrets")),
    "duties": Audited(noun="duty", name="kind", only=_set("settings subject phase"), by_hand_only=True),
    "people": Audited(
        noun="person",
        name="email",
        hidden=_set("password_hash totp_secret recovery_codes"),
        quiet=_set("signed_in_at totp_step"),
    ),
    "options": Audited(noun="server setting", name="id", hidden=_set("secret")),
    "customers": Audited(noun="customer"),
    "contacts": Audited(noun="contact"),
    "accounts": Audited(noun="account"),
    "account_aliases": Audited(noun="alias", name="value"),
    "settings": Audited(noun="setting", name="full_id"),
    "price_plans": Audited(noun="price plan"),
    "price_plan_versions": Audited(noun="price plan version", name="id", digested=_set("details")),
    "pricing_schedules": Audited(noun="price plan schedule", name="account_id"),
    "purchases": Audited(noun="purchase", name="account_id", hidden=_set("idempotency_key")),
    "invoices": Audited(noun="invoice", name="number", digested=_set("lines"), hidden=_set("idempotency_key")),
    "payments": Audited(noun="payment", name="account_id", quiet=_set("fingerprint")),
    "credits": Audited(noun="credit", name="account_id", hidden=_set("idempotency_key")),
}

NOT_AUDITED: dict[str, str] = {
    "audit_entries": "the audit log itself, which can only grow",
    "alembic_version": "written by migrations",
    "attempts": "the journal of runs",
    "billing_numbers": "a counter",
    "deliveries": "what vendors send; kept as it came",
    "effects": "the journal of runs",
    "events": "what happened at vendors; never changed",
    "facts": "what systems said about money; never changed",
    "identities": "written by runs, with how each was found",
    "known_items": "the memory of polls",
    "ledger": "the books' own journal",
    "limits": "request slots of the next seconds",
    "mirrored_accounts": "what another system says of its accounts",
    "mirrored_customers": "what another system says of its customers",
    "notes": "working memory of workers",
    "one_time_links": "hashes; making and using one is noted by hand",
    "runs": "the journal of runs; what people do to a run is noted by hand",
    "sessions": "hashes; signing in and out is noted by hand",
    "sign_in_failures": "counters of wrong passwords",
    "snapshot_records": "what a vendor's books said",
    "snapshots": "what a vendor's books said",
    "statement_lines": "worked out from the books",
    "statements": "worked out from the books",
    "step_runs": "the journal of runs",
}
