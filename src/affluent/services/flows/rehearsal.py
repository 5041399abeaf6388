"""One step rehearsed: its input built and checked, and the request it would send caught before it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Never

from pydantic import BaseModel, SecretStr, ValidationError

from affluent.domain.event import Priority
from affluent.domain.flow import Step
from affluent.engine import expressions
from affluent.engine.limits import Limiter
from affluent.engine.plans import Bound
from affluent.engine.vendor_http import HttpVendorClient, Network
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue
from affluent.kit.logs import logger
from affluent.kit.redact import HIDDEN
from affluent.sdk import Action, App, AppError, Context
from affluent.services.connections.credentials import secret_fields
from affluent.services.flows.problems import FlowProblem
from affluent.services.validation import problems_of

_log = logger("preview")
_LONGEST_SECONDS = 5.0
_NOWHERE = Network(allow_private=False, timeout_seconds=1)
_UNLIMITED = Limiter()


class Caught(BaseException):
    """A request was about to be sent. Not an Exception, so that no action mistakes it for a vendor's fault."""


class CapturingVendorClient(HttpVendorClient):
    """A vendor client that sends nothing: it records the first request exactly as it would be sent."""

    async def _send(self, *_args: object, **_options: object) -> Never:
        raise Caught

    async def _judge(self, *_args: object) -> Never:
        raise Caught


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What one step would do."""

    input: JSONObject
    problems: tuple[FlowProblem, ...]
    request: JSONObject | None
    """method, url and request {headers, body}, redacted; None: nothing would be sent, or the input is wrong."""
    output: JSONValue
    """What the step gave without sending anything; None when its answer has to be assumed."""
    sentence: str


async def rehearse(
    step: Step, app: App, action: Action, bound: Bound | None, data: Mapping[str, JSONValue], *, server_url: str
) -> Rehearsal:
    """Build the input over data and run the action up to its first request."""
    rendered, wrong = await expressions.render_each(step.inputs, data, ids=action.ids)
    problems = [FlowProblem(field=f"inputs.{error.field}", message=error.reason) for error in wrong]
    given: BaseModel | None = None
    try:
        given = action.input.model_validate(rendered)
    except ValidationError as error:
        known = {problem.field for problem in problems}
        input_problems = problems_of(error, "inputs")
        problems += [FlowProblem(field=field, message=text) for field, text in input_problems if field not in known]
    if given is None or problems:
        return Rehearsal(input=rendered, problems=tuple(problems), request=None, output=None, sentence="")
    shown = given.model_dump(mode="json", exclude_none=True)
    client: CapturingVendorClient | None = None
    output: JSONValue = None
    sentence = ""
    try:
        client, credentials = _client(app, action, bound, server_url)
        context: Context[Any] = Context(
            credentials=credentials, http=client, effect_key="preview", now=clock.now(), server_url=server_url
        )
        async with asyncio.timeout(_LONGEST_SECONDS):
            result = await action.run(context, given)
        output = result.model_dump(mode="json") if result is not None else {}
    except Caught:
        pass
    except AppError as error:
        sentence = error.message
    except Exception as error:  # noqa: BLE001 - whatever an app does, the preview shows the rest
        _log.exception("a preview failed by a defect", app=app.key, action=action.key)
        sentence = f"A defect in {app.title} {action.title!r} ({type(error).__name__}); it was logged."
    request = client.exchanges[0] if client is not None and client.exchanges else None
    return Rehearsal(input=shown, problems=(), request=_tidy(request), output=output, sentence=sentence)


def _client(
    app: App, action: Action, bound: Bound | None, server_url: str
) -> tuple[CapturingVendorClient, BaseModel | None]:
    credentials = bound.credentials if bound is not None else None
    if credentials is None and app.credentials is not None and app.needs_connection:
        credentials = stand_in(app.credentials)
    has = credentials is not None
    client = CapturingVendorClient(
        network=_NOWHERE,
        limiter=_UNLIMITED,
        vendor=app.title,
        connection_id=bound.id if bound else "",
        base_url=app.base_url(credentials, server_url) if has else "",
        headers=app.headers(credentials) if has else {},
        limit=None,
        priority=Priority.LIVE,
        effect=action.effect,
        faults=action.faults,
        app_faults=app.faults,
        secrets=bound.secrets if bound else (),
    )
    return client, credentials


def stand_in(model: type[BaseModel]) -> BaseModel:
    """Credentials for a step that has no connection yet: defaults, and marks where something will be filled in."""
    secret = secret_fields(model)
    values: dict[str, Any] = {
        name: SecretStr(HIDDEN) if name in secret else f"<{name}>"
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    return model.model_construct(**values)


def _tidy(exchange: JSONObject | None) -> JSONObject | None:
    if exchange is None:
        return None
    return {name: exchange[name] for name in ("method", "url", "request")}
