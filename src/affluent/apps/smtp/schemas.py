"""An SMTP server, and what an e-mail is made of."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from affluent.sdk import CredentialsModel, InputModel, OutputModel

_ADDRESS = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}$"
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters, ends of lines, and marks that turn the direction of writing."""


def _one_line(value: str) -> str:
    if _BREAKS.search(value) is not None:
        raise ValueError("must be one line without characters that control it or turn its direction")
    return value


Address = Annotated[str, StringConstraints(strip_whitespace=True, pattern=_ADDRESS)]
Line = Annotated[str, AfterValidator(_one_line)]


class Credentials(CredentialsModel):
    """An SMTP server and who sends."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]{1,253}$")] = Field(
        title="Host", description="Name of the SMTP server, e.g. smtp.example.com."
    )
    port: int = Field(587, ge=1, le=65535, title="Port", description="587 with STARTTLS, 465 with TLS.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", title="Security", description="None sends everything readable: only within a network of your own."
    )
    username: str = Field("", title="User name", description="Empty: the server wants no login.")
    password: SecretStr | None = Field(None, title="Password", description="Of that user.")
    sender: Address = Field(title="Sender", description="Address that e-mails come from.")
    sender_name: Line = Field("", max_length=200, title="Sender's name", description="Shown with the address.")

    @model_validator(mode="after")
    def _check(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        if self.username and self.password is None:
            raise ValueError("password: the user name needs its password")
        return self


class NewEmail(InputModel):
    """An e-mail to be sent."""

    to: list[Address] | Address = Field(title="To", description="One address, or a list of up to 50.")
    subject: Line = Field(min_length=1, max_length=500, title="Subject", description="One line.")
    text: str = Field(min_length=1, max_length=200_000, title="Text", description="The e-mail as plain text.")
    html: str = Field("", max_length=500_000, title="HTML", description="The same as HTML, for readers that show it.")
    reply_to: Address | None = Field(None, title="Reply to", description="Where answers go; empty: to the sender.")

    @model_validator(mode="after")
    def _check(self) -> Self:  # noqa: N804 - the rule takes an after-validator for a class method
        if isinstance(self.to, list) and not 1 <= len(self.to) <= 50:
            raise ValueError("to: 1 to 50 addresses")
        return self

    @property
    def recipients(self) -> list[str]:
        """The addresses as a list."""
        return [self.to] if isinstance(self.to, str) else self.to


class SentEmail(OutputModel):
    """An e-mail that the server took."""

    message_id: str = Field(title="Message id", description="The same on every repeat of one effect.")
    refused: list[str] = Field(
        default_factory=list, title="Refused", description="Addresses that the server did not take, others being taken."
    )
