"""Webhook: any product can start a flow with a signed POST, and a flow can send one anywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from affluent.apps.webhook import signature
from affluent.apps.webhook.schemas import Endpoint, Message, Received, Sent
from affluent.kit.jsons import JSONObject, canonical
from affluent.sdk import (
    App,
    Category,
    Context,
    Effect,
    Incoming,
    Rejected,
    Response,
    Subject,
    Trigger,
    TriggerKind,
    WebhookScheme,
)

RECEIVED = "received"


def parse(body: JSONObject, headers: Mapping[str, str]) -> Incoming:
    """Every body is one event, known by the signed id of Standard Webhooks, else by its own `id`, else by what it says."""
    named = headers.get(signature.ID, "")
    own = body.get("id")
    if not named and isinstance(own, (str, int)) and not isinstance(own, bool):
        named = str(own)
    external_id = named or f"sha256:{hashlib.sha256(canonical(body)).hexdigest()}"
    return Incoming(type=RECEIVED, external_id=external_id, payload=body)


app = App(
    key="webhook",
    title="Webhook",
    description="Start a flow with a signed webhook of any product, or send one anywhere.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    credentials=Endpoint,
    needs_connection=False,
    webhook=WebhookScheme(verify=signature.verify, parse=parse, secret_field="", new_secret=signature.new_secret),
    glyph="webhook",
    key_help="Agree on a signing secret with the receiver. For received webhooks no connection is needed.",
)

app.triggers_are(
    [
        Trigger(
            key="received",
            title="Webhook received",
            description="A signed JSON object was posted to this flow connection's own address.",
            kind=TriggerKind.WEBHOOK,
            event=RECEIVED,
            sample="received.json",
            output=Received,
            subject=Subject(account="account_id", title="type", name="id"),
        )
    ]
)


def _answered(_response: Response) -> None:
    """Any answer shows that somebody is there."""


@app.test
async def test(ctx: Context[Endpoint]) -> str:
    """Ask the address for its headers: any answer will do, most receivers take nothing but POST."""
    anything = dict.fromkeys(range(300, 600), _answered)
    answer = await ctx.http.request("HEAD", str(ctx.credentials.url), faults=anything)
    return f"The address answers (with {answer.status} to HEAD)."


@app.action(
    "send_webhook",
    title="Send a webhook",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="send_webhook.json",
    key_lasts=lambda message: timedelta(hours=message.key_lasts_hours),
    answers={
        "2xx": "Sent",
        "429, 5xx": "Sent again later with the same id",
        "no answer for longer than the id is known": "Unknown: not sent again by itself",
        "other": "Failed; resume when mended",
    },
)
async def send_webhook(ctx: Context[Endpoint], message: Message) -> Sent:
    """Post a JSON object, signed with the connection's secret. Repeats carry the same id."""
    endpoint: Endpoint | None = ctx.credentials
    if message.url is None and endpoint is None:
        raise Rejected("There is nowhere to send to: give a URL, or choose a Webhook connection.", field="url")
    body = canonical(message.payload)
    timestamp = str(int(ctx.now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": ctx.effect_key,
        "Webhook-Id": ctx.effect_key,
        "Webhook-Timestamp": timestamp,
    }
    is_own = endpoint is not None and message.url in (None, endpoint.url)
    if endpoint is not None and is_own and endpoint.signing_secret is not None:
        # One form only: whoever saw a webhook with both could send it again without the one that covers its id.
        secret = endpoint.signing_secret.get_secret_value()
        if endpoint.scheme == "standard":
            signed = signature.standard(body, secret, message_id=ctx.effect_key, timestamp=timestamp)
            headers["Webhook-Signature"] = signed
        else:
            headers["X-Signature"] = signature.plain(body, secret)
    url = str(message.url or ctx.credentials.url)
    answer = await ctx.http.request("POST", url, content=body, headers=headers)
    said = answer.json()
    return Sent(status=answer.status, body=answer.text() if said is None else said)
