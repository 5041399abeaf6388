"""The customers and accounts that an event or a line of a list carries, for the mirror of a Togai elsewhere. Pure."""

from __future__ import annotations

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import SyncedRecord


def records(payload: JSONObject) -> list[SyncedRecord]:
    """What a payload says, as our events or Togai's own lists write it; a record without id and name is none.

    A group, which composite invoices belong to, has an id but no name here, so it is no account.
    """
    found = [_customer(payload.get("customer")), _account(payload.get("account"), payload.get("customer"))]
    return [record for record in found if record is not None]


def _customer(said: JSONValue) -> SyncedRecord | None:
    if not _is_record(said):
        return None
    return SyncedRecord(
        kind="customer", id=said["id"], name=_text(said, "name"), email=_email(said), status=_text(said, "status")
    )


def _account(said: JSONValue, customer: JSONValue) -> SyncedRecord | None:
    if not _is_record(said):
        return None
    owner = _text(said, "customer_id", "customerId") or (_text(customer, "id") if isinstance(customer, dict) else "")
    return SyncedRecord(
        kind="account",
        id=said["id"],
        customer_id=owner,
        name=_text(said, "name"),
        email=_email(said),
        currency=_text(said, "currency", "invoiceCurrency"),
        status=_text(said, "status"),
    )


def _is_record(said: JSONValue) -> bool:
    return isinstance(said, dict) and bool(_text(said, "id")) and bool(_text(said, "name"))


def _email(said: JSONObject) -> str:
    return _text(said, "email", "primaryEmail")


def _text(said: JSONObject, *names: str) -> str:
    return next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), "")
