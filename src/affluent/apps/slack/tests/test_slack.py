"""Slack messages, against the twin."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from affluent.apps.slack.app import app
from affluent.apps.slack.schemas import Credentials
from affluent.apps.slack.twin import SlackTwin
from affluent.sdk import AppError, Misconfigured, OutcomeUnknown, RateLimited, Rejected
from tests.support.apps import Bench, Say, bench, local_vendor, served

TOKEN = "a-channel-token"


@pytest.fixture
def twin() -> SlackTwin:
    """Slack without messages."""
    return SlackTwin()


@pytest.fixture
async def desk(twin: SlackTwin) -> AsyncIterator[Bench]:
    """The app, connected to one channel of the twin."""
    outside = Starlette(routes=[Mount(f"/{twin.key}", twin.application())])
    async with served(outside) as url, bench(app, {"webhook_url": f"{url}/slack/services/T1/B1/{TOKEN}"}) as there:
        yield there


async def test_a_message_is_posted_to_the_webhooks_channel(desk: Bench, twin: SlackTwin) -> None:
    posted = await desk.run("post_message", {"text": "*Paid*"})
    await desk.run("post_message", {"text": "Paid", "blocks": [{"type": "divider"}]})
    assert posted.posted
    assert twin.books() == {
        "messages": {TOKEN: [{"text": "*Paid*"}, {"text": "Paid", "blocks": [{"type": "divider"}]}]}
    }


async def test_the_test_posts_nothing(desk: Bench, twin: SlackTwin) -> None:
    assert await desk.test() == "Slack knows this webhook. Nothing was posted."
    assert twin.books() == {"messages": {}}


async def test_a_revoked_webhook_is_blamed_on_its_field(desk: Bench, twin: SlackTwin) -> None:
    twin.revoke_key(TOKEN)
    with pytest.raises(Misconfigured, match="no_service") as refused:
        await desk.test()
    assert refused.value.field == "webhook_url"
    with pytest.raises(Misconfigured):
        await desk.run("post_message", {"text": "Paid"})


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, "invalid_payload", Rejected),
        (403, "action_prohibited", Misconfigured),
        (410, "channel_is_archived", Misconfigured),
        (429, "slow down", RateLimited),
        (500, "oops", OutcomeUnknown),
    ],
)
async def test_an_answer_leads_to_what_the_readme_says(
    desk: Bench, twin: SlackTwin, status: int, body: str, meaning: type[AppError]
) -> None:
    twin.fail_next(status, body=body)
    with pytest.raises(meaning) as raised:
        await desk.run("post_message", {"text": "Paid"})
    assert type(raised.value) is meaning


async def test_a_lost_answer_is_unknown_because_a_message_cannot_be_looked_up(desk: Bench, twin: SlackTwin) -> None:
    twin.drop_answer()
    with pytest.raises(OutcomeUnknown):
        await desk.run("post_message", {"text": "Paid"})
    assert app.actions["post_message"].look_up is None


async def test_an_address_that_takes_everything_is_not_slack() -> None:
    async with local_vendor(lambda _call: Say(body="ok")) as other, bench(app, {"webhook_url": other.url}) as desk:
        with pytest.raises(Misconfigured, match="does not answer like Slack"):
            await desk.test()


@pytest.mark.parametrize("url", ["", "hooks.slack.com/services/T1", "mailto:a@example.com", "https://"])
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValidationError, match="the whole address that Slack shows"):
        Credentials.model_validate({"webhook_url": url})
