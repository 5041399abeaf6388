"""What a webhook carries, in and out."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, HttpUrl, SecretStr

from affluent.kit.jsons import JSONObject, JSONValue
from affluent.sdk import CredentialsModel, InputModel, OutputModel


class Endpoint(CredentialsModel):
    """Where webhooks are sent, and the secret that signs them."""

    url: HttpUrl = Field(title="URL", description="Where the receiver takes webhooks.")
    signing_secret: SecretStr | None = Field(
        None,
        title="Signing secret",
        description="Shared with the receiver, e.g. whsec_…; empty: webhooks are not signed.",
    )
    scheme: Literal["standard", "body"] = Field(
        "standard",
        title="Signature",
        description="standard: id, time and body as Standard Webhooks has it. body: X-Signature over the body alone.",
    )


class Received(OutputModel):
    """The body of a received webhook, as it came."""

    model_config = ConfigDict(extra="allow")

    id: JSONValue = Field(None, title="Id", description="The sender's id of this event: the same id is taken in once.")
    type: JSONValue = Field(None, title="Type", description="What happened, in the sender's words, e.g. order.paid.")
    account_id: JSONValue = Field(
        None, title="Account", description="Events of one account are handled one after another."
    )


class Message(InputModel):
    """One webhook to be sent."""

    payload: JSONObject = Field(title="Payload", description="The JSON object that is sent.")
    url: HttpUrl | None = Field(
        None, title="URL", description="Where to; empty: the URL of the connection. Another one is not signed for."
    )

    key_lasts_hours: int = Field(
        24,
        ge=1,
        le=87_600,
        title="The key lasts, hours",
        description="How long the receiver knows an Idempotency-Key. Later, a request whose answer was lost is not sent again:"
        " the run ends as unknown.",
    )


class Sent(OutputModel):
    """What the receiver said."""

    status: int = Field(title="Status", description="HTTP status of the answer.")
    body: JSONValue = Field(None, title="Body", description="The answer, as JSON where it is JSON, else as text.")
