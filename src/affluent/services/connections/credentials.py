"""A connection's credentials: validated, taken apart into plain fields and secrets, and tested at the vendor."""

from __future__ import annotations

import asyncio
import typing
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr, ValidationError

from affluent.domain.event import Priority
from affluent.engine.limits import Limiter
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, dumps, loads
from affluent.kit.logs import logger
from affluent.sdk import App, AppError, AuthFailed, Context, CredentialsModel, Effect, Limit, Misconfigured, Unavailable
from affluent.services.errors import Invalid
from affluent.services.validation import problems_of
from affluent.vault.envelope import CannotOpen, Vault

_log = logger("connections")
_BEFORE_ALL = Priority.LIVE - 1
"""A person waits for the answer of a test."""
_LONGEST_TEST_SECONDS = 45.0
"""So a person does not wait for a request limit that has no room for hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Valid credentials, and how they are kept."""

    model: CredentialsModel
    plain: JSONObject
    secrets: dict[str, str]

    def sealed(self, vault: Vault, connection_id: str) -> bytes:
        """The secrets, encrypted for one connection."""
        return vault.seal(dumps(self.secrets).encode(), f"connections/{connection_id}")


def secret_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Names of the fields that are encrypted and never shown again."""
    return tuple(name for name, field in model.model_fields.items() if _holds_secret(field.annotation))


def validated(app: App, fields: JSONObject) -> Credentials:
    """Credentials from what was entered; raises Invalid with one problem per field, as `fields.<name>`."""
    if app.credentials is None:
        raise Invalid(f"{app.title} needs no connection; its actions are used directly.", field="app")
    secret = secret_fields(app.credentials)
    # A field that a form leaves empty was not entered; a pasted key often ends with a space or a new line.
    trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in fields.items()}
    entered = {name: value for name, value in trimmed.items() if value not in (None, "")}
    try:
        model = app.credentials.model_validate(entered)
    except ValidationError as error:
        problems = problems_of(error, "fields")
        raise Invalid(problems[0][1], field=problems[0][0], problems=problems) from error
    values = {name: getattr(model, name) for name in secret}
    return Credentials(
        model=model,
        plain=model.model_dump(mode="json", exclude=set(secret)),
        secrets={
            name: value.get_secret_value()
            for name, value in values.items()
            if isinstance(value, SecretStr) and value.get_secret_value()
        },
    )


def merged(app: App, plain: JSONObject, held: JSONObject, changes: JSONObject) -> JSONObject:
    """What is kept with the changes applied. A secret left empty is kept; null removes any field.

    A secret that is replaced moves to the field `previous_<name>`, where the app has one, so that both are accepted
    during its rotation.
    """
    secret = secret_fields(app.credentials) if app.credentials else ()
    kept = {**plain, **held}
    given = {name: value for name, value in changes.items() if not (name in secret and _is_blank(value))}
    replaced = {
        f"previous_{name}": held[name]
        for name, value in given.items()
        if f"previous_{name}" in secret and name in held and value not in (None, held[name])
    }
    return {**kept, **replaced, **given}


def opened(vault: Vault, sealed: bytes, connection_id: str) -> dict[str, str]:
    """The secrets of a connection; empty when they cannot be opened, so that they can be entered anew."""
    try:
        value: JSONValue = loads(vault.open(sealed, f"connections/{connection_id}"))
    except CannotOpen:
        _log.warning("stored secrets cannot be opened", connection=connection_id)
        return {}
    return dict(value)


class Tester:
    """Proves credentials at the vendor, through the same client that runs use."""

    def __init__(self, *, network: Network, limiter: Limiter, server_url: str) -> None:
        self._network = network
        self._limiter = limiter
        self._server_url = server_url

    async def test(self, app: App, given: Credentials, connection_id: str, limit: Limit | None = None) -> str:
        """What the vendor said, as a sentence; empty when the app has no test. Raises AppError."""
        if app.tester is None:
            return ""
        client = HttpVendorClient(
            network=self._network,
            limiter=self._limiter,
            vendor=app.title,
            connection_id=connection_id,
            base_url=app.base_url(given.model, self._server_url),
            headers=app.headers(given.model),
            limit=limit or app.limit,
            priority=_BEFORE_ALL,
            effect=Effect.READ,
            faults={},
            app_faults=app.faults,
            secrets=tuple(given.secrets.values()),
        )
        context: Context[CredentialsModel] = Context(
            credentials=given.model, http=client, now=clock.now(), server_url=self._server_url
        )
        try:
            async with asyncio.timeout(_LONGEST_TEST_SECONDS):
                return str(await app.tester(context) or "")
        except AppError:
            raise
        except TimeoutError as error:
            if not client.exchanges:
                raise Unavailable(
                    f"The request limit of this connection leaves no room for a test right now; {app.title} was not asked."
                ) from error
            raise Unavailable(f"{app.title} did not answer in time.") from error
        except Exception as error:
            _log.exception("the test of a connection failed by a defect", app=app.key)
            raise AppError(
                f"The test of {app.title} failed by a defect ({type(error).__name__}); it was logged."
            ) from error


def blamed(app: App, error: AppError) -> str:
    """The field that a vendor's refusal belongs to, as `fields.<name>`; empty when it is none's."""
    known = app.credentials.model_fields if app.credentials else {}
    if error.field:
        return f"fields.{error.field}" if error.field in known else ""
    if app.credentials is not None and isinstance(error, AuthFailed) and not isinstance(error, Misconfigured):
        secret = secret_fields(app.credentials)
        return f"fields.{secret[0]}" if secret else ""
    return ""


def _is_blank(value: JSONValue) -> bool:
    return isinstance(value, str) and not value.strip()


def _holds_secret(hint: object) -> bool:
    return hint is SecretStr or any(_holds_secret(part) for part in typing.get_args(hint))
