"""Of every app of the catalogue: which fields decide where requests go, and that stored secrets never follow them."""

from __future__ import annotations

from typing import Any

import pytest

from affluent import catalog as catalogs
from affluent.sdk import App
from affluent.services.connections.addresses import moved_field, refuse_kept, secrets_kept
from affluent.services.connections.credentials import merged, secret_fields, validated
from affluent.services.errors import Invalid

SERVER = "https://hub.example"
APPS = {app.key: app for app in catalogs.load().apps.values() if app.credentials is not None}
FIELDS: dict[str, dict[str, Any]] = {
    "firstpromoter": {"api_key": "key-1", "account_id": "acc-1", "webhook_secret": "hook-1"},
    "http": {"base_url": "https://api.example.com/v1", "secret": "Bearer one"},
    "razorpay": {"key_id": "rzp_test_1DP5mmOlF5G5ag", "key_secret": "key-1", "webhook_secret": "hook-1"},
    "slack": {"webhook_url": "https://hooks.slack.com/services/T1/B1/one"},
    "smtp": {"host": "mail.example.com", "username": "ada", "password": "one", "sender": "ada@example.com"},
    "togai": {"secret_key": "key-1"},
    "webhook": {"url": "https://example.com/in", "signing_secret": "whsec_c2VjcmV0"},
}
"""What is stored, per app."""
MOVES: list[tuple[str, str, dict[str, Any]]] = [
    ("firstpromoter", "base_url", {"base_url": "https://evil.example/api/v2"}),
    ("firstpromoter", "base_url", {"base_url": "http://api.firstpromoter.com/api/v2"}),
    ("firstpromoter", "account_id", {"account_id": ""}),
    ("http", "base_url", {"base_url": "https://evil.example/v1"}),
    ("http", "base_url", {"base_url": "https://api.example.com:8443/v1"}),
    ("http", "base_url", {"base_url": "http://api.example.com/v1"}),
    ("http", "base_url", {"base_url": "https://api.example.com@evil.example/v1"}),
    ("razorpay", "base_url", {"base_url": "https://evil.example"}),
    ("razorpay", "base_url", {"base_url": "https://api.razorpay.com\\@evil.example"}),
    ("smtp", "host", {"host": "evil.example"}),
    ("smtp", "port", {"port": 2525}),
    ("smtp", "security", {"security": "none"}),
    ("togai", "base_url", {"base_url": "https://api.togai.com"}),
    ("togai", "base_url", {"base_url": "https://sandbox-api.togai.com"}),
    ("webhook", "url", {"url": "https://evil.example/in"}),
]
STAYS: list[tuple[str, dict[str, Any]]] = [
    ("firstpromoter", {"account_id": "acc-2"}),
    ("firstpromoter", {"decimal_places": "KWD=3"}),
    ("http", {"base_url": "https://API.example.com:443/v2"}),
    ("http", {"header": "X-Api-Key"}),
    ("razorpay", {"key_id": "rzp_live_1DP5mmOlF5G5ag"}),
    ("razorpay", {"base_url": "https://api.razorpay.com/v1"}),
    ("smtp", {"username": "eve"}),
    ("smtp", {"sender": "eve@example.com"}),
    ("smtp", {"sender_name": "Eve"}),
    ("webhook", {"url": "https://example.com/elsewhere"}),
    ("webhook", {"scheme": "body"}),
]


def after(app: App, changes: dict[str, Any]) -> str:
    """The field by which a change moves requests, given what is stored."""
    stored = validated(app, FIELDS[app.key])
    held: dict[str, Any] = dict(stored.secrets)
    given = validated(app, merged(app, stored.plain, held, changes))
    return moved_field(app, {**stored.plain, **held}, given, SERVER)


@pytest.mark.parametrize("key", APPS)
def test_of_every_plain_field_it_is_decided_whether_it_moves_requests(key: str) -> None:
    credentials = APPS[key].credentials
    assert credentials is not None
    decided = {name for app, _, changes in MOVES if app == key for name in changes}
    decided |= {name for app, changes in STAYS if app == key for name in changes}
    assert set(credentials.model_fields) - set(secret_fields(credentials)) <= decided


@pytest.mark.parametrize(("key", "field", "changes"), MOVES)
def test_a_change_that_moves_requests_is_seen_at_its_field(key: str, field: str, changes: dict[str, Any]) -> None:
    assert after(APPS[key], changes) == field


@pytest.mark.parametrize(("key", "changes"), STAYS)
def test_a_change_that_moves_nothing_asks_for_no_secret(key: str, changes: dict[str, Any]) -> None:
    assert after(APPS[key], changes) == ""


@pytest.mark.parametrize(("key", "field", "changes"), MOVES)
def test_no_stored_secret_follows_to_another_address(key: str, field: str, changes: dict[str, Any]) -> None:
    app = APPS[key]
    held: dict[str, Any] = dict(validated(app, FIELDS[key]).secrets)
    kept = secrets_kept(app, held, changes)
    assert set(kept) == set(held)
    with pytest.raises(Invalid) as refused:
        refuse_kept(app, kept, field=field)
    assert [name for name, _ in refused.value.problems] == [f"fields.{name}" for name in kept]
    assert f"(the field {field})" in refused.value.message


@pytest.mark.parametrize(("key", "field", "changes"), MOVES)
def test_with_every_secret_entered_anew_nothing_is_kept(key: str, field: str, changes: dict[str, Any]) -> None:
    app = APPS[key]
    held: dict[str, Any] = dict(validated(app, FIELDS[key]).secrets)
    assert secrets_kept(app, held, {**changes, **dict.fromkeys(held, "another")}) == ()
    assert field in changes


def test_a_url_that_is_itself_the_secret_needs_no_other(  # whoever gives the address gives the secret
) -> None:
    change = {"webhook_url": "https://hooks.slack.example/services/T1/B1/one"}
    assert after(APPS["slack"], change) == "webhook_url"
    assert secrets_kept(APPS["slack"], {"webhook_url": "x"}, change) == ()
