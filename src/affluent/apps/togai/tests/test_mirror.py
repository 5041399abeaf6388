"""What of a payload is a customer or an account."""

from __future__ import annotations

import pytest

from affluent.apps.togai.app import app
from affluent.apps.togai.directory_sync import records
from affluent.sdk import SyncedRecord

ACCOUNT = SyncedRecord(
    kind="account", id="ACC-1", customer_id="CUS-1", name="Northwind", email="b@n.example", currency="USD"
)


def test_our_events_and_togais_lists_say_the_same():
    event = {"id": "ACC-1", "customer_id": "CUS-1", "name": "Northwind", "email": "b@n.example", "currency": "USD"}
    listed = {"id": "ACC-1", "customerId": "CUS-1", "name": "Northwind", "primaryEmail": "b@n.example"}
    assert records({"account": event}) == [ACCOUNT]
    assert records({"account": {**listed, "invoiceCurrency": "USD"}}) == [ACCOUNT]


def test_an_account_without_an_owner_takes_the_customer_beside_it():
    said = records({"account": {"id": "A", "name": "N"}, "customer": {"id": "C", "name": "O"}})
    assert [(one.kind, one.id, one.customer_id) for one in said] == [("customer", "C", ""), ("account", "A", "C")]


@pytest.mark.parametrize("said", [None, "ACC-1", {}, {"id": "G"}, {"id": 7, "name": "N"}, {"id": "", "name": "N"}])
def test_what_has_no_id_and_name_is_no_record(said):
    assert records({"account": said, "customer": said}) == []


def test_every_sample_of_an_event_with_an_account_is_mirrored():
    with_accounts = [
        name.name for name in (app.folder / "samples").glob("*.json") if "account" in app.sample(name.name)
    ]
    kinds = {name: {one.kind for one in records(app.sample(name))} for name in with_accounts}
    assert kinds
    assert all("account" in found for name, found in kinds.items() if isinstance(app.sample(name)["account"], dict))
