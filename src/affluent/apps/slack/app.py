"""Slack: post messages to a channel through its incoming webhook."""

from __future__ import annotations

from pathlib import Path

from affluent.apps.slack.schemas import Credentials, NewMessage, Posted
from affluent.sdk import App, AppError, Category, Context, Effect, Limit, Misconfigured, Response
from affluent.sdk.http import message_of


def revoked(response: Response) -> AppError:
    """403, 404 and 410: the webhook was removed, its channel archived, or the address is not Slack's."""
    return Misconfigured(
        f"Slack does not take messages at this address any more ({message_of(response)}). Make a new incoming webhook.",
        field="webhook_url",
        status=response.status,
    )


def _empty(_response: Response) -> None:
    """400: the webhook is good, and refuses a message without text."""


app = App(
    key="slack",
    title="Slack",
    description="Post messages to a channel.",
    category=Category.COMMUNICATION,
    folder=Path(__file__).parent,
    credentials=Credentials,
    limit=Limit(requests=1, per_seconds=1),
    faults=dict.fromkeys((302, 403, 404, 410), revoked),
    glyph="hash",
    key_help="In Slack's app settings: Incoming Webhooks, Add New Webhook to Workspace, choose the channel, copy the URL.",
)


@app.test
async def test(ctx: Context[Credentials]) -> str:
    """Post nothing: a good webhook refuses an empty message with 400, a bad one with 403 or 404."""
    url = ctx.credentials.webhook_url.get_secret_value()
    answer = await ctx.http.request("POST", url, json={}, faults={400: _empty}, is_read=True)
    if answer.status != 400:
        raise Misconfigured("This address does not answer like Slack's incoming webhooks.", field="webhook_url")
    return "Slack knows this webhook. Nothing was posted."


@app.action(
    "post_message",
    title="Post a message",
    effect=Effect.WRITE,
    sample="post_message.json",
    answers={
        "200": "Posted",
        "400": "Failed: Slack refused the message, with its reason",
        "403, 404, 410": "The connection waits for a new webhook",
        "no answer": "Unknown: a message cannot be looked up, so a person decides",
    },
)
async def post_message(ctx: Context[Credentials], message: NewMessage) -> Posted:
    """Post a message to the channel of the webhook."""
    body = {"text": message.text, "blocks": message.blocks} if message.blocks else {"text": message.text}
    await ctx.http.request("POST", ctx.credentials.webhook_url.get_secret_value(), json=body)
    return Posted(posted=True)
