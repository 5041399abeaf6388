"""Alerts: one message for all that is new, told once, told again when nobody was reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import insert, update

from affluent.apps.smtp.tests.mail_server import PASSWORD, USER, mail_server, self_signed
from affluent.engine.vendor_http import Network
from affluent.kit import clock
from affluent.services.operations.alerts import Alerts, Wishes
from affluent.store import tables
from affluent.store.tables import inbound as tables_inbound
from tests.integration.services.desk import Desk, desk
from tests.support.serving import answering


@dataclass
class Channel:
    """Where alerts arrive."""

    status: int = 200
    messages: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.messages.append((await request.json())["text"])
        return web.Response(status=self.status)


@asynccontextmanager
async def alerting(
    here: Desk, channel: Channel, *, targets: tuple[str, ...] = ("slack:{here}",), smtp: str = ""
) -> AsyncIterator[Alerts]:
    """Alerts that go to a channel on a local port, and wherever else."""
    server = web.Application()
    server.router.add_post("/", channel.take)
    network = Network(allow_private=True, timeout_seconds=5)
    async with answering(server) as url:
        wishes = Wishes(
            targets=tuple(target.replace("{here}", f"{url}/") for target in targets),
            smtp=smtp,
            sender="affluent@hub.example",
            failures=3,
            queue_age=timedelta(minutes=15),
        )
        try:
            yield Alerts(database=here.database, network=network, wishes=wishes, server_url="http://hub")
        finally:
            await network.close()


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Desk]:
    async with desk(database_url) as opened:
        yield opened


async def ail(here: Desk, connection_id: str, status: str = "needs_attention") -> None:
    values = {"status": status, "status_reason": "The key was refused."}
    query = update(tables.connections).where(tables.connections.c.id == connection_id).values(**values)
    await here.database.write(lambda connection: connection.execute(query))


async def failed_run(here: Desk) -> None:
    run_id = await here.paused_run("con_x")
    query = update(tables.runs).where(tables.runs.c.id == run_id)
    values = {"state": "failed", "cause": "rejected", "sentence": "Refused."}
    await here.database.write(lambda connection: connection.execute(query.values(**values)))


async def test_all_that_is_new_comes_in_one_message_and_only_once(here: Desk) -> None:
    channel = Channel()
    async with alerting(here, channel) as alerts:
        assert await alerts.sweep() == 0
        await ail(here, await here.shop())
        for _ in range(3):
            await failed_run(here)
        assert await alerts.sweep() == 2
        assert await alerts.sweep() == 0
    (message,) = channel.messages
    assert "Main shop needs attention: The key was refused." in message
    assert "3 runs failed within an hour, e.g.: Refused." in message


async def test_fewer_failures_than_wished_for_are_no_alert(here: Desk) -> None:
    channel = Channel()
    await failed_run(here)
    async with alerting(here, channel) as alerts:
        assert await alerts.sweep() == 0
    assert channel.messages == []


async def test_what_could_not_be_told_is_told_later(here: Desk) -> None:
    channel = Channel(status=500)
    await ail(here, await here.shop())
    async with alerting(here, channel) as alerts:
        await alerts.sweep()
        channel.status = 200
        assert await alerts.sweep() == 1
    assert len(channel.messages) == 1


async def test_what_was_well_in_between_is_told_again(here: Desk) -> None:
    channel = Channel()
    shop = await here.shop()
    async with alerting(here, channel) as alerts:
        for status in ("needs_attention", "active", "needs_attention"):
            await ail(here, shop, status)
            await alerts.sweep()
    assert len(channel.messages) == 2


async def note_on_duty(here: Desk, flow_connection: str, note: str, *, connection_id: str, kind: str = "gaps") -> None:
    """What the keeper of a duty says is wrong with it."""
    now = clock.now()
    values = {
        "flow_connection_id": flow_connection, "kind": kind, "connection_id": connection_id, "subject": "x", "note": note,
        "settings": {}, "phase": "live", "items": 0, "lease": 0, "failures": 0, "sentence": note, "created_at": now,
        "updated_at": now,
    }  # fmt: skip
    query = insert(tables_inbound.duties).values(**values)
    await here.database.write(lambda connection: connection.execute(query))


async def test_webhooks_of_a_connection_that_have_gone_silent_are_one_alert(here: Desk) -> None:
    channel = Channel()
    for number in range(3):
        await note_on_duty(here, f"fco_{number}", f"The webhook of {number} is silent.", connection_id="con_1")
    await note_on_duty(here, "fco_9", "The webhook of 9 is silent.", connection_id="con_2")
    await note_on_duty(here, "fco_8", "", connection_id="con_3")
    await note_on_duty(here, "fco_7", "Polling fails: no answer.", connection_id="con_3", kind="poll")
    async with alerting(here, channel) as alerts:
        assert await alerts.sweep() == 3
        assert await alerts.sweep() == 0
        gone = update(tables_inbound.duties).values(note="")
        await here.database.write(lambda connection: connection.execute(gone))
        assert await alerts.sweep() == 0
    (message,) = channel.messages
    assert message.splitlines()[:3] == [
        "• The webhook of 0 is silent. The same of 2 more.",
        "• The webhook of 9 is silent.",
        "• Polling fails: no answer.",
    ]


async def test_an_alert_goes_by_mail_to_slack_and_to_a_webhook(here: Desk) -> None:
    channel = Channel()
    await ail(here, await here.shop())
    async with mail_server() as mail:
        targets = ("mailto:ops@example.com", "slack:{here}", "{here}")
        smtp = f"smtp://{USER}:{PASSWORD}@127.0.0.1:{mail.port}"
        async with alerting(here, channel, targets=targets, smtp=smtp) as alerts:
            assert await alerts.sweep() == 1
    ((sender, recipients, body),) = mail.sent
    assert (sender, recipients) == ("affluent@hub.example", ["ops@example.com"])
    assert "Subject: Affluent needs attention" in body
    assert "Main shop needs attention: The key was refused." in mail_text(body)
    assert len(channel.messages) == 2
    assert channel.messages[0] == channel.messages[1]
    assert channel.messages[0].endswith("http://hub/activity")


def mail_text(sent: str) -> str:
    """The text of a mail as its reader sees it."""
    part = message_from_string(sent, policy=default)
    return str(part.get_content())


@pytest.mark.parametrize("reply", ["MAIL", "RCPT", "DATA", "AUTH"])
async def test_a_mail_that_is_refused_is_tried_again_later(here: Desk, reply: str) -> None:
    await ail(here, await here.shop())
    async with mail_server(replies={reply: "550 no"}) as mail:
        smtp = f"smtp://{USER}:{PASSWORD}@127.0.0.1:{mail.port}"
        async with alerting(here, Channel(), targets=("mailto:ops@example.com",), smtp=smtp) as alerts:
            await alerts.sweep()
            assert mail.sent == []
            mail.replies.clear()
            assert await alerts.sweep() == 1
            assert await alerts.sweep() == 0
    assert len(mail.sent) == 1


async def test_a_password_is_sent_to_nobody_whom_no_certificate_vouches_for(here: Desk, tmp_path: Path) -> None:
    await ail(here, await here.shop())
    async with mail_server(tls=self_signed(tmp_path, "127.0.0.1")) as mail:
        smtp = f"smtps://{USER}:{PASSWORD}@127.0.0.1:{mail.port}"
        async with alerting(here, Channel(), targets=("mailto:ops@example.com",), smtp=smtp) as alerts:
            await alerts.sweep()
    assert (mail.sent, mail.commands) == ([], [])
