"""The twin's tracking calls: both versions' fields, answers and ways to say that nobody was referred."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from affluent.apps.firstpromoter import twin_views
from affluent.apps.firstpromoter.twin_ledger import ACCOUNT_CURRENCY, Ledger, Person, Refusal, Tracked
from affluent.kit.jsons import JSONObject, JSONValue

Answer = tuple[int, JSONValue]
Call = Callable[[Ledger, Request, JSONObject], Answer]


def _signup(ledger: Ledger, fields: JSONObject) -> Tracked:
    return ledger.signup(_person(fields))


def _sale(ledger: Ledger, fields: JSONObject) -> Tracked:
    return ledger.sale(
        _person(fields),
        event_id=str(fields.get("event_id") or ""),
        amount=_amount(fields.get("amount")),
        currency=str(fields.get("currency") or ACCOUNT_CURRENCY).upper(),
        plan=str(fields.get("plan") or ""),
    )


def _refund(ledger: Ledger, fields: JSONObject) -> Tracked:
    return ledger.refund(
        _person(fields),
        event_id=str(fields.get("event_id") or ""),
        sale_event_id=str(fields.get("sale_event_id") or ""),
        amount=_amount(fields.get("amount")),
        currency=str(fields.get("currency") or ACCOUNT_CURRENCY).upper(),
    )


def _cancellation(ledger: Ledger, fields: JSONObject) -> Tracked:
    return ledger.cancellation(_person(fields))


def _call(
    act: Callable[[Ledger, JSONObject], Tracked], show: Callable[[Tracked], JSONObject], *, unknown_is_204: bool = False
) -> Call:
    def call(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
        try:
            return 200, show(act(ledger, fields))
        except Refusal as refusal:
            if unknown_is_204 and refusal.status == 404:
                return 204, None
            raise

    return call


CALLS_V2: tuple[tuple[str, str, Call], ...] = (
    ("POST", "/signup", _call(_signup, twin_views.tracked_v2)),
    ("POST", "/sale", _call(_sale, twin_views.tracked_v2)),
    ("POST", "/refund", _call(_refund, twin_views.tracked_v1, unknown_is_204=True)),
    ("POST", "/cancellation", _call(_cancellation, twin_views.tracked_v1)),
)
CALLS_V1: tuple[tuple[str, str, Call], ...] = (
    ("POST", "/track/signup", _call(_signup, twin_views.tracked_v1)),
    ("POST", "/track/sale", _call(_sale, twin_views.tracked_v1, unknown_is_204=True)),
    ("POST", "/track/refund", _call(_refund, twin_views.tracked_v1, unknown_is_204=True)),
    ("POST", "/track/cancellation", _call(_cancellation, twin_views.tracked_v1, unknown_is_204=True)),
)


def _person(fields: JSONObject) -> Person:
    names = ("uid", "email", "tid", "ref_id", "promo_code", "created_at")
    return Person(**{name: str(fields.get(name) or "") for name in names})


def _amount(value: JSONValue) -> int:
    """Whole minor units, as number or digits; anything else is refused as blank or invalid (0 is)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else 0
