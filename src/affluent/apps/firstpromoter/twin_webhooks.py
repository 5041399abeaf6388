"""The twin's webhook subscriptions of API v2: made, listed, changed and removed."""

from __future__ import annotations

import secrets

from starlette.requests import Request

from affluent.apps.firstpromoter.twin_company import number, page
from affluent.apps.firstpromoter.twin_ledger import Ledger, Refusal, time_now
from affluent.apps.firstpromoter.twin_track import Answer, Call
from affluent.kit.jsons import JSONObject

_HIDDEN = ("secret_key", "basic_auth_password")


def _list(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    return 200, page(request, [_shown(hook) for hook in ledger.webhooks.values()])


def _create(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    for name in ("url", "event_types"):
        if not fields.get(name):
            errors = {name: ["can't be blank"]}
            raise Refusal(
                422,
                {"message": f"Validation failed: {name} can't be blank", "errors": errors, "code": "invalid_record"},
            )
    now = time_now()
    hook: JSONObject = {
        "description": None, "campaign_ids": [1], "active": True, "timeout": 30, "max_retries": 3, "headers": {},
        "basic_auth_user": None, **fields, "id": next(ledger.ids), "created_at": now, "updated_at": now,
        "secret_key": secrets.token_hex(32),
    }  # fmt: skip
    ledger.webhooks[hook["id"]] = hook
    return 201, {**_shown(hook), "secret_key": hook["secret_key"]}


def _get(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    return 200, _shown(_found(ledger, request))


def _change(ledger: Ledger, request: Request, fields: JSONObject) -> Answer:
    hook = _found(ledger, request)
    hook.update({**fields, "updated_at": time_now()})
    return 200, _shown(hook)


def _remove(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    ledger.webhooks.pop(_found(ledger, request)["id"])
    return 200, None


def _found(ledger: Ledger, request: Request) -> JSONObject:
    hook = ledger.webhooks.get(number(request.path_params["id"]) or 0)
    if hook is None:
        raise Refusal(404, {"message": "Record not found", "code": "not_found"})
    return hook


def _shown(hook: JSONObject) -> JSONObject:
    """Without what only the answer to the creation has, or no answer at all."""
    enabled = bool(hook.get("basic_auth_user") and hook.get("basic_auth_password"))
    return {name: value for name, value in hook.items() if name not in _HIDDEN} | {"basic_auth_enabled": enabled}


CALLS: tuple[tuple[str, str, Call], ...] = (
    ("GET", "/webhooks", _list),
    ("POST", "/webhooks", _create),
    ("GET", "/webhooks/{id}", _get),
    ("PUT", "/webhooks/{id}", _change),
    ("DELETE", "/webhooks/{id}", _remove),
)
