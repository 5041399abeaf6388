"""What an HTTP request is made of, and what comes back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, HttpUrl, SecretStr

from affluent.kit.jsons import JSONValue
from affluent.sdk import CredentialsModel, InputModel, OutputModel

Scalar = str | int | bool


class Api(CredentialsModel):
    """An API with its secret, which is sent to this address and nowhere else."""

    base_url: HttpUrl = Field(
        title="Base URL", description="What paths are joined to, e.g. https://api.example.com/v1."
    )
    header: str = Field(
        "Authorization", pattern=r"^[A-Za-z0-9-]{1,100}$", title="Header", description="Header that holds the secret."
    )
    secret: SecretStr | None = Field(
        None, title="Secret", description="The header's whole value, e.g. Bearer abc; empty: no such header is sent."
    )


class Request(InputModel):
    """One HTTP request."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "POST", title="Method", description="HTTP method. GET and HEAD change nothing at the other side."
    )
    url: str = Field(
        min_length=1,
        title="URL",
        description="A whole URL, or with a connection a path that is joined to its base URL, e.g. /orders.",
    )
    query: dict[str, Scalar | list[str]] = Field(
        default_factory=dict, title="Query", description="Parameters that are added to the URL."
    )
    headers: dict[str, Scalar] = Field(
        default_factory=dict, title="Headers", description="Headers without secrets; those belong in a connection."
    )
    body: JSONValue = Field(
        None, title="Body", description="An object or a list is sent as JSON, text as it is; empty: no body."
    )

    key_lasts_hours: int = Field(
        24,
        ge=1,
        le=87_600,
        title="The key lasts, hours",
        description="How long the API knows an Idempotency-Key. Later, a request whose answer was lost is not sent again:"
        " the run ends as unknown.",
    )
    is_failure_repeated: bool = Field(
        default=False,
        title="The API repeats failures",
        description="Yes: it answers a repeat under the same key with the 5xx it gave first, as Stripe does. Then a request"
        " that got a 5xx is not sent again: the run ends as unknown.",
    )


class Answer(OutputModel):
    """What the other side said."""

    status: int = Field(title="Status", description="HTTP status, 200 to 299.")
    headers: dict[str, str] = Field(title="Headers", description="Headers of the answer, names in lower case.")
    body: JSONValue = Field(None, title="Body", description="The answer, as JSON where it is JSON, else as text.")
