"""Every ready-made flow of the catalogue against the twins: told often and out of order, in an outage, in a rotation."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from affluent import catalog
from affluent.domain.event import EventDraft
from affluent.kit.jsons import loads
from affluent.sdk import TriggerKind
from affluent.store import tables
from tests.acceptance.public_flows import CASES, Stage, enabled, staged

CATALOG = catalog.load()
FLOWS = {flow.key: flow for flow in CATALOG.public_flows()}
HOOKED = [
    key
    for key, flow in FLOWS.items()
    if CATALOG.apps[flow.trigger.app].triggers[flow.trigger.trigger].kind is TriggerKind.WEBHOOK
]
SIGNED_IN = {"razorpay": "X-Razorpay-Signature", "firstpromoter": "X-Webhook-Signature"}
NEXT_SECRET = "the-secret-after-the-rotation"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A seller's hub and every vendor."""
    async with staged(tmp_path) as found:
        yield found


def test_every_ready_made_flow_has_a_case() -> None:
    assert sorted(CASES) == sorted(FLOWS)


@pytest.mark.parametrize("key", CASES)
async def test_it_does_its_work_once_however_often_and_in_whatever_order_it_is_told(stage: Stage, key: str) -> None:
    case = await enabled(stage, key)
    await stage.shop.control("deliver", repeat=3, reverse=True)
    await case.happens(stage)
    await stage.shop.settle()
    assert await told_again(stage) == 0
    await stage.shop.settle()
    assert await case.seen(stage) == case.expected
    assert {row.state for row in await stage.shop.rows(tables.runs)} <= {"succeeded", "skipped", "failed"}


@pytest.mark.parametrize("key", CASES)
async def test_a_vendor_that_is_away_for_a_while_loses_and_doubles_nothing(stage: Stage, key: str) -> None:
    case = await enabled(stage, key)
    case.break_vendor(stage)
    await case.happens(stage)
    await stage.shop.settle()
    assert await case.seen(stage) == case.expected
    assert {row.outcome for row in await stage.shop.rows(tables.attempts)} & {"retry", "unknown"}


@pytest.mark.parametrize("key", HOOKED)
async def test_a_webhook_is_accepted_with_the_old_and_the_new_secret_of_a_rotation_and_no_other(
    stage: Stage, key: str
) -> None:
    case = await enabled(stage, key)
    app = FLOWS[key].trigger.app
    await stage.shop.hub.connections.update(stage.shop.connections[app], fields={"webhook_secret": NEXT_SECRET})
    stage.shop.hub.hooks._hooks.forget()
    await case.happens(stage)
    await stage.shop.settle()
    assert await case.seen(stage) == case.expected
    assert await signed_again(stage, app, NEXT_SECRET) == {200}
    assert await signed_again(stage, app, "guessed") == {401}
    await stage.shop.settle()
    assert await case.seen(stage) == case.expected


async def told_again(stage: Stage) -> int:
    """Hand in every event once more, the newest first; how many of them were taken for new."""
    rows = await stage.shop.rows(tables.events)
    drafts = [
        EventDraft(
            app=row.app, source=row.source, type=row.type, external_id=row.external_id, occurred_at=row.occurred_at,
            payload=loads(row.payload), account_id=row.account_id, title=row.title,
        )
        for row in sorted(rows, key=lambda row: row.id, reverse=True)
    ]  # fmt: skip
    intake = stage.shop.hub.intake
    accepted = await stage.shop.hub.database.write(lambda connection: intake.accept(connection, drafts))
    return sum(item.is_new for item in accepted)


async def signed_again(stage: Stage, app: str, secret: str) -> set[int]:
    """Deliver everything that was accepted once more, signed with this secret; the answers."""
    deliveries = [row for row in await stage.shop.rows(tables.deliveries) if row.verdict == "accepted"]
    answers: set[int] = set()
    for row in deliveries:
        link = await stage.shop.hub.flow_connections.get(row.flow_connection_id)
        signature = hmac.new(secret.encode(), row.body.encode(), hashlib.sha256).hexdigest()
        ids = {name: value for name, value in row.headers.items() if name == "x-razorpay-event-id"}
        headers = {SIGNED_IN[app]: signature, **ids}
        async with stage.shop.http.post(link.webhook_url, data=row.body, headers=headers) as answer:
            answers.add(answer.status)
    return answers
