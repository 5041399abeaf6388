"""An event is only what its sender proved, and nothing that a body or a header says breaks the reading: for every app."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from affluent import catalog as catalogs
from affluent.bootstrap import Hub, build
from affluent.kit.bodies import BadBody
from affluent.kit.jsons import dumps
from affluent.services.inbound.webhook_reading import Hook, Reading, read
from affluent.services.inbound.webhooks import Answer
from affluent.settings import Settings
from affluent.store import tables
from tests.support.webhooks import SENDERS, Headers, Sender

CATALOG = catalogs.load()
HOOKED = sorted(key for key, app in CATALOG.apps.items() if app.webhook is not None)
PLAIN = {"content-type": "application/json", "user-agent": "Sender/1"}
ADDED = {
    "idempotency-key": "another", "x-event-id": "another", "x-request-id": "another", "webhook-id": "another",
    "webhook-timestamp": "1", "webhook-signature": "v1,AAAA", "x-razorpay-event-id": "another", "x-event-type": "another",
    "content-type": "application/json; charset=latin-1", "content-encoding": "gzip", "x-signature": "sha256=00",
    "x-hub-signature-256": "00", "x-webhook-secret": "another", "authorization": "Bearer another", "date": "yesterday",
}  # fmt: skip
OTHER_VALUES = ("another", "", "\x00é", "application/json; charset=cp037", "deflate", "a" * 3000)
every_sender = pytest.mark.parametrize("sender", SENDERS, ids=str)


@dataclass(frozen=True)
class Target:
    """A hook of a hub, and one webhook as its sender sends it."""

    hub: Hub
    link: str
    token: str
    body: bytes
    headers: Headers

    async def post(self, body: bytes, headers: Headers) -> Answer:
        return await self.hub.hooks.receive(self.link, self.token, body, headers)

    async def events(self) -> int:
        query = select(func.count()).select_from(tables.events)
        return await self.hub.database.read(lambda connection: connection.execute(query).scalar_one())


@asynccontextmanager
async def target(sender: Sender, database_url: str, folder: Path) -> AsyncIterator[Target]:
    """A hub with a flow that this sender's webhooks start."""
    hub = build(Settings(data_dir=folder, database_url=database_url), own_url="http://127.0.0.1:1")
    await hub.open()
    try:
        bindings, secret = {}, sender.secret or ""
        if sender.fields is not None:
            made = await hub.connections.create(app=sender.app, name="Vendor", fields=sender.entered, skip_test=True)
            bindings = {"trigger": made.id}
        step = {"id": "wait", "app": "flow_control", "action": "delay", "inputs": {"minutes": 1}}
        kind = "outbound" if sender.app == "togai" else "inbound"
        trigger = {"app": sender.app, "trigger": sender.trigger}
        flow = await hub.flows.create(
            {"name": "From a webhook", "type": kind, "trigger": trigger, "steps": [step]}, publish=True
        )
        link = await hub.flow_connections.create(flow_id=flow.flow.id, name="Production", bindings=bindings)
        token = link.flow_connection.webhook_url.rpartition("/")[2]
        body = dumps(sender.event).encode()
        headers = {**PLAIN, **sender.headers, **sender.prove(body, link.hook_secret or secret)}
        yield Target(hub, link.flow_connection.id, token, body, headers)
    finally:
        await hub.close()


def altered(headers: Headers) -> Iterator[Headers]:
    """The headers with one of them dropped, altered or added."""
    for name in headers:
        yield {other: value for other, value in headers.items() if other != name}
        yield from ({**headers, name: value} for value in OTHER_VALUES)
    yield from ({**headers, name: value} for name, value in ADDED.items())
    unsigned = {name: value for name, value in headers.items() if "signature" not in name}
    yield from ({**unsigned, name: value} for name, value in headers.items() if "signature" in name)


def test_every_app_with_webhooks_has_its_senders() -> None:
    assert sorted({sender.app for sender in SENDERS}) == HOOKED


@every_sender
async def test_whatever_is_changed_around_what_was_signed_it_stays_one_event(
    sender: Sender, database_url: str, tmp_path: Path
) -> None:
    async with target(sender, database_url, tmp_path) as it:
        first = await it.post(it.body, it.headers)
        assert (first.status, first.body.get("new")) == (200, True), first
        answers = [(headers, await it.post(it.body, headers)) for headers in altered(it.headers)]
        packed = {**it.headers, "content-encoding": "gzip"}
        answers.append((packed, await it.post(gzip.compress(it.body), packed)))
        again = await it.post(it.body, it.headers)
        assert [headers for headers, answer in answers if answer.body.get("new")] == []
        assert {answer.status for _, answer in answers} <= {200, 400, 401, 415}
        assert (again.status, again.body["new"], again.body["event"]) == (200, False, first.body["event"])
        assert await it.events() == 1


@every_sender
async def test_another_body_under_the_same_proof_is_no_event(sender: Sender, database_url: str, tmp_path: Path) -> None:
    if not sender.signs_body:
        pytest.skip("its vendor signs nothing: the secret or the address is all the proof there is")
    async with target(sender, database_url, tmp_path) as it:
        forged = [it.body + b" ", it.body.replace(b"0", b"1"), it.body.replace(b"{", b'{"x":1,', 1), b"{}", b""]
        answers = [await it.post(body, it.headers) for body in forged]
        assert {answer.status for answer in answers} == {401}
        assert await it.events() == 0


async def test_an_unsigned_connection_of_the_newer_api_accepts_nothing(database_url: str, tmp_path: Path) -> None:
    legacy = next(sender for sender in SENDERS if sender.how == "v1-without-secret")
    newer = replace(legacy, fields={"api_key": "the-api-key", "account_id": "acc_1"})
    async with target(newer, database_url, tmp_path) as it:
        answer = await it.post(it.body, it.headers)
        (kept,) = await it.hub.events.deliveries()
        assert (answer.status, await it.events()) == (401, 0)
        assert (kept.verdict, kept.detail) == ("no_secret", answer.body["message"])


async def test_without_a_secret_the_older_api_may_not_tell_what_only_the_newer_one_tells(
    database_url: str, tmp_path: Path
) -> None:
    legacy = next(sender for sender in SENDERS if sender.how == "v1-without-secret")
    async with target(legacy, database_url, tmp_path) as it:
        bodies = [
            b'{"event": {"id": 1, "type": "commission.approved"}, "data": {"id": 7}}',
            b'{"event_id": "1", "event_type": "commission.approved", "data": {"id": 7}}',
        ]
        assert [(await it.post(body, it.headers)).status for body in bodies] == [401, 401]
        assert await it.events() == 0


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [1e30, -1e30, 10**25, "0001-01-01T00:00:00+05:30", "9999-12-31T23:59:59-05:00", "", "\x00", "x" * 500]
    )
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["id", "created_at", "notes", "amount", "data", "event", "status", "promoter", "customer", "account", "timestamp"]
)


@st.composite
def bent(draw: st.DrawFn, value: Any) -> Any:
    """A body in which some places hold something else, at any depth."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    if isinstance(value, dict):
        kept = {name: draw(bent(item)) for name, item in value.items() if draw(st.integers(0, 9))}
        return kept | draw(st.dictionaries(fields, values, max_size=1))
    if isinstance(value, list):
        return [draw(bent(item)) for item in value]
    return value


@st.composite
def sent(draw: st.DrawFn) -> tuple[Sender, bytes, Headers]:
    """A webhook of some sender with anything in its body and its headers, correctly proved."""
    sender = draw(st.sampled_from(SENDERS))
    document = draw(bent(sender.event))
    body = draw(st.sampled_from([json.dumps(document), repr(document)])).encode("utf-8", "surrogatepass")
    names = st.sampled_from([*ADDED, *sender.headers, *PLAIN])
    around = draw(st.dictionaries(names, st.text(st.characters(max_codepoint=255), max_size=30), max_size=4))
    return sender, body, {**PLAIN, **sender.headers, **around, **sender.prove(body, sender.secret or "")}


def hook_of(sender: Sender) -> Hook:
    """The hook of a sender's app, as the hub reads it from the store."""
    app = CATALOG.apps[sender.app]
    assert app.webhook is not None
    return Hook(
        flow_connection_id="fco_1", token="t", enabled=True, app=app, scheme=app.webhook, source="con_1",
        secrets=(sender.secret,) if sender.secret else (), accepts_unsigned=sender.secret is None, synced_connection_id="con_1",
    )  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(sent())
def test_whatever_an_app_is_sent_it_is_an_event_or_refused_in_words(case: tuple[Sender, bytes, Headers]) -> None:
    sender, body, headers = case
    try:
        outcome: Reading | BadBody = read(hook_of(sender), CATALOG, body, headers, most=100_000)
    except BadBody as refusal:
        outcome = refusal
    assert isinstance(outcome, Reading) or (outcome.status in (400, 401, 413, 415) and outcome.message)
