"""Examples of answers in the API's description: one per kind of thing, by the name of its schema."""

from __future__ import annotations

from affluent.kit.jsons import JSONObject

_AT = "2026-11-24T09:30:00Z"
_CON, _FLO, _FCO = "con_01KB9T7Q00000000000000000A", "flo_01KB9T7Q00000000000000000B", "fco_01KB9T7Q00000000000000000C"
_EVT, _RUN, _TOK = "evt_01KB9T7Q00000000000000000D", "run_01KB9T7Q00000000000000000E", "tok_01KB9T7Q00000000000000000F"
_MONEY = {"minor_units": 249900, "currency": "USD"}

TOKEN: JSONObject = {
    "id": _TOK,
    "name": "Data warehouse",
    "hint": "wh5U",
    "scopes": ["events:read", "runs:read"],
    "status": "active",
    "created_at": _AT,
    "created_by": "Mira Kapoor",
    "expires_at": None,
    "last_used_at": None,
    "networks": [],
    "former_until": None,
}
CONNECTION: JSONObject = {
    "id": _CON,
    "app": "firstpromoter",
    "app_title": "FirstPromoter",
    "name": "Main account",
    "fields": {"account_id": "12345"},
    "secrets": ["api_key"],
    "version": 2,
    "status": "active",
    "status_reason": "",
    "limit_requests": None,
    "limit_seconds": None,
    "tested_at": _AT,
    "created_at": _AT,
    "updated_at": _AT,
    "used_by": [
        {
            "flow_connection_id": _FCO,
            "flow_connection_name": "Production",
            "flow_id": _FLO,
            "flow_name": "Track referral sale and attach price plan",
            "enabled": True,
            "places": ["sale"],
        }
    ],
}
FLOW: JSONObject = {
    "id": _FLO,
    "key": "track_sale",
    "name": "Track referral sale and attach price plan",
    "description": "A paid invoice of a referred customer earns its promoter a commission.",
    "type": "outbound",
    "visibility": "public",
    "version": 1,
    "has_draft": False,
    "apps": ["togai", "firstpromoter"],
    "connections": 1,
    "enabled_connections": 1,
    "last_run": {
        "id": _RUN,
        "state": "succeeded",
        "title": "INV-2043 · Northwind Labs",
        "sentence": "3 of 3 steps applied.",
        "created_at": _AT,
        "finished_at": _AT,
    },
    "created_at": _AT,
    "updated_at": _AT,
}
FLOW_CONNECTION: JSONObject = {
    "id": _FCO,
    "flow_id": _FLO,
    "flow_name": "Track referral sale and attach price plan",
    "flow_version": 1,
    "name": "Production",
    "enabled": True,
    "bindings": {"trigger": "con_01KB9T7Q00000000000000000G", "sale": _CON},
    "needs": {"trigger": "togai", "sale": "firstpromoter"},
    "optional": {},
    "inputs": {"default_plan": "PLAN-1"},
    "trigger_app": "togai",
    "trigger_event": "invoice.paid",
    "trigger_source": "workspace",
    "webhook_url": "",
    "webhook_notice": "",
    "has_hook_secret": False,
    "created_at": _AT,
    "updated_at": _AT,
}
EVENT: JSONObject = {
    "id": _EVT,
    "app": "togai",
    "source": "workspace",
    "type": "invoice.paid",
    "external_id": "evt-991",
    "account_id": "ACC-1",
    "customer_id": "CUST-1",
    "title": "INV-2043 · Northwind Labs",
    "money": _MONEY,
    "occurred_at": _AT,
    "received_at": _AT,
}
RUN: JSONObject = {
    "id": _RUN,
    "state": "failed",
    "title": "INV-2043 · Northwind Labs",
    "sentence": "FirstPromoter refused the sale: the amount must be positive.",
    "cause": "rejected",
    "flow_id": _FLO,
    "flow_name": "Track referral sale and attach price plan",
    "flow_version": 1,
    "flow_connection_id": _FCO,
    "flow_connection_name": "Production",
    "event_id": _EVT,
    "event_app": "togai",
    "event_type": "invoice.paid",
    "account_id": "ACC-1",
    "money": _MONEY,
    "position": 0,
    "tries": 1,
    "is_backfill": False,
    "replay_of": None,
    "waits_for": "",
    "due_at": None,
    "created_at": _AT,
    "started_at": _AT,
    "finished_at": _AT,
    "forgotten_at": None,
}
IDENTITY: JSONObject = {
    "account_id": "ACC-1",
    "app": "firstpromoter",
    "connection_id": _CON,
    "kind": "referral",
    "external_id": "29203686",
    "how": "given by the vendor",
    "link": "",
    "created_at": _AT,
    "updated_at": _AT,
}

DUTY: JSONObject = {
    "kind": "poll",
    "phase": "live",
    "items": 12,
    "due_at": _AT,
    "succeeded_at": _AT,
    "failures": 0,
    "sentence": "12 found since the beginning.",
    "settings": {"every_seconds": 60},
}

EXAMPLES: dict[str, list[JSONObject]] = {
    "TokenView": [TOKEN],
    "NewToken": [{"token": TOKEN, "secret": "aff_…"}],
    "ConnectionView": [CONNECTION],
    "FlowView": [FLOW],
    "FlowConnectionView": [FLOW_CONNECTION],
    "BackgroundJobView": [DUTY],
    "Accepted": [{"event_id": _EVT, "is_new": True, "run_ids": [_RUN]}],
    "EventView": [EVENT],
    "RunView": [RUN],
    "IdentityView": [IDENTITY],
    "FlowProblem": [
        {"field": "steps.0.inputs.amount", "message": "This field is required.", "is_error": True, "fix": ""}
    ],
    "Forecast": [
        {
            "action": "replay",
            "runs": 200,
            "would_send": 37,
            "already_applied": 163,
            "not_possible": 2,
            "money": {"USD": "12400.00"},
        }
    ],
}
