"""FirstPromoter's webhooks: who is believed, and what is read from both versions."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.webhooks import parse, verify
from affluent.kit.jsons import dumps

BODY = dumps(app.sample("commission_approved.json")).encode()
PROMOTER = {
    "id": 4101,
    "email": "ada@partners.example",
    "default_promotion_id": 7101,
    "auth_token": "never-keep-this",
    "temp_password": "nor-this",
    "profile": {"first_name": "Ada", "last_name": "Partner"},
    "promotions": [{"id": 7101, "campaign_id": 1, "campaign_name": "Partner program", "ref_id": "ada"}],
}
LEAD = {
    "id": 5,
    "email": "billing@northwind.example",
    "uid": "ACC-1",
    "created_at": "2026-01-02T09:30:02.000Z",
    "promotion": {"id": 7101, "campaign_id": 1, "campaign_name": "Partner program", "ref_id": "ada"},
    "promoter": PROMOTER,
}


def legacy(kind: str, data, number: int = 77):
    return {"event": {"id": number, "type": kind, "created_at": "2026-02-03T14:21:10.000Z"}, "data": data}


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    return {"x-webhook-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_a_good_signature_is_believed_with_the_new_and_the_old_secret() -> None:
    assert verify(BODY, signed("new"), ["new", "old"])
    assert verify(BODY, signed("old"), ["new", "old"])


def test_a_signature_of_other_bytes_or_of_another_secret_is_not_believed() -> None:
    assert not verify(BODY + b" ", signed("new"), ["new"])
    assert not verify(BODY, signed("guessed"), ["new"])


def test_a_wrong_signature_is_not_made_good_by_the_shared_header() -> None:
    assert not verify(BODY, {**signed("guessed"), "x-webhook-secret": "new"}, ["new"])


def test_a_shared_secret_is_believed_in_its_header_and_as_a_password() -> None:
    assert verify(BODY, {"x-webhook-secret": "shared"}, ["shared"])
    assert verify(BODY, {"authorization": "Basic " + base64.b64encode(b"fp:shared").decode()}, ["shared"])


@pytest.mark.parametrize(
    "headers", [{}, {"x-webhook-secret": "x"}, {"authorization": "Basic ***"}, {"authorization": "Bearer s"}]
)
def test_a_delivery_without_the_secret_is_not_believed(headers: dict[str, str]) -> None:
    assert not verify(BODY, headers, ["shared"])


def test_v2_is_never_believed_without_a_secret_but_v1_can_prove_nothing() -> None:
    assert not verify(BODY, {}, [])
    assert verify(dumps(legacy("lead_signup", LEAD)).encode(), {}, [])


def test_v1_cannot_be_used_to_walk_past_a_secret() -> None:
    assert not verify(dumps(legacy("lead_signup", LEAD)).encode(), {}, ["shared"])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"event":"x"}',
        b'{"event":{},"event_type":"commission.approved"}',
        b'{"event":{"type":"commission.approved"}}',
    ],
)
def test_what_is_not_v1_is_not_believed_without_a_secret(body: bytes) -> None:
    assert not verify(body, {}, [])


def test_v2_is_read_with_its_own_id_and_time() -> None:
    incoming = parse(app.sample("commission_updated.json"), {})
    assert incoming.type == "commission.updated"
    assert incoming.external_id == app.sample("commission_updated.json")["event_id"]
    assert incoming.occurred_at is not None
    assert incoming.occurred_at.isoformat() == "2026-02-03T14:21:10+00:00"


def test_an_event_that_a_record_has_once_is_known_by_the_record() -> None:
    approved = app.sample("commission_approved.json")
    incoming = parse({**approved, "event_id": "sent-again-under-another-id"}, {})
    assert incoming.external_id == f"commission.approved/{approved['data']['id']}"
    assert incoming.payload["event_id"] == "sent-again-under-another-id"


def test_the_dashboards_test_starts_no_flow() -> None:
    incoming = parse({"event_id": "e", "event_type": "commission.approved", "data": {"test": True}}, {})
    assert incoming.type == "webhook.test"


def test_an_unknown_type_is_read_and_named() -> None:
    assert parse({"event_type": "payout.completed", "event_id": "e1", "data": {"id": 1}}, {}).type == "payout.completed"


@pytest.mark.parametrize(
    ("document", "words"), [({}, "neither"), ({"event_type": "x"}, "event_id"), (legacy("reward_created", {}, 0), "id")]
)
def test_what_is_no_event_is_refused_in_words(document, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse({**document, "event": {**document.get("event", {}), "id": None}} if "event" in document else document, {})


@pytest.mark.parametrize(
    ("kind", "data", "trigger"),
    [
        ("lead_signup", LEAD | {"state": "signup"}, "referral_created"),
        ("lead_signup", LEAD | {"status": "signup"}, "referral_created"),
        ("lead_becomes_referral", LEAD, "referral_converted"),
        ("new_customer", LEAD, "referral_converted"),
        ("lead_cancelled", LEAD, "referral_cancelled"),
        ("promoter_signed_up", PROMOTER, "promoter_created"),
        ("promoter_signs_up", PROMOTER, "promoter_created"),
        ("promoter_accepted", PROMOTER, "promoter_campaign_accepted"),
        (
            "reward_created",
            {"id": 9, "amount": 5, "conversion_amount": 25, "lead": LEAD, "promoter": PROMOTER},
            "commission_created",
        ),
    ],
)
def test_v1_is_read_as_v2_writes_it(kind: str, data, trigger: str) -> None:
    incoming = parse(legacy(kind, data), {})
    assert incoming.type == app.triggers[trigger].event
    assert app.triggers[trigger].output.model_validate(incoming.payload).data.id is not None


def test_both_spellings_of_a_leads_state_are_read() -> None:
    states = [
        parse(legacy("lead_signup", LEAD | {name: "signup"}), {}).payload["data"]["state"]
        for name in ("state", "status")
    ]
    assert states == ["signup", "signup"]


def test_a_lead_that_becomes_a_customer_is_one_event_though_v1_tells_it_twice() -> None:
    told = [
        parse(legacy(kind, LEAD, number), {}) for number, kind in enumerate(("lead_becomes_referral", "new_customer"))
    ]
    assert told[0].external_id == told[1].external_id


def test_tokens_and_passwords_of_v1_are_not_kept() -> None:
    kept = dumps(parse(legacy("lead_signup", LEAD), {}).payload)
    assert "never-keep-this" not in kept
    assert "nor-this" not in kept


def test_a_fulfilment_is_refused_because_accepting_it_would_say_that_it_was_done() -> None:
    with pytest.raises(ValueError, match="before anything was done"):
        parse(legacy("fulfilment_pending", {"id": 1}), {})


@pytest.mark.parametrize("key", app.triggers)
def test_every_trigger_reads_its_own_sample(key: str) -> None:
    trigger = app.triggers[key]
    sample = app.sample(trigger.sample)
    assert parse(sample, {}).type in trigger.events
    assert trigger.output.model_validate(sample).data.id == sample["entity_id"]
