"""What a Slack message is made of."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from affluent.sdk import CredentialsModel, InputModel, OutputModel


class Credentials(CredentialsModel):
    """One incoming webhook: it belongs to one channel."""

    webhook_url: SecretStr = Field(
        title="Webhook URL", description="Starts with https://hooks.slack.com/services/; whoever has it can post."
    )

    @field_validator("webhook_url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be the whole address that Slack shows, e.g. https://hooks.slack.com/services/…")
        return value


class NewMessage(InputModel):
    """A message for the channel of the webhook."""

    text: str = Field(
        min_length=1,
        max_length=40_000,
        title="Text",
        description="What is posted, in Slack's own mark-up: *bold*, <url|text>.",
    )
    blocks: list[dict[str, Any]] = Field(
        default_factory=list,
        max_length=50,
        title="Blocks",
        description="Slack's layout blocks; the text is then the summary.",
    )


class Posted(OutputModel):
    """What became of it."""

    posted: bool = Field(title="Posted", description="Whether Slack took it.")
