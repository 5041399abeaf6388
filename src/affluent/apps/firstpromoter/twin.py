"""FirstPromoter's stand-in: both API versions over one set of books, with its documented answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from fractions import Fraction
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from affluent.apps.firstpromoter import twin_company, twin_legacy, twin_manage, twin_track, twin_webhooks
from affluent.apps.firstpromoter.twin_ledger import Ledger, Refusal, opened
from affluent.apps.firstpromoter.twin_switches import ListFault, change_commission, subscribe, tell
from affluent.kit import clock
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, dumps, loads
from affluent.sdk.twin import Twin

V1 = "/api/v1"
V2 = "/api/v2"
Call = Callable[[Ledger, Request, JSONObject], tuple[int, JSONValue]]
Control = Callable[[JSONObject], Awaitable[JSONValue]]


class FirstPromoterTwin(Twin):
    """Accepts every key, except one that was revoked or begins with `wrong`. 400 requests in a minute, as the vendor."""

    key = "firstpromoter"

    def __init__(self) -> None:
        super().__init__()
        self.ledger = opened()
        self.requests_per_minute = 400
        self.list_fault: ListFault | None = None
        self._minute = 0
        self._spent = 0

    def routes(self) -> Sequence[BaseRoute]:
        """Tracking and management in both versions."""
        calls: list[tuple[str, str, str, Call]] = [
            *((V2, method, f"/track{path}", call) for method, path, call in twin_track.CALLS_V2),
            *(
                (V2, method, f"/company{path}", call)
                for method, path, call in (*twin_manage.CALLS, *twin_company.CALLS, *twin_webhooks.CALLS)
            ),
            *((V1, method, path, call) for method, path, call in (*twin_track.CALLS_V1, *twin_legacy.CALLS)),
        ]
        controls: dict[str, Control] = {
            "webhook": self._subscribe,
            "commission": self._change_commission,
            "rates": self._set_rates,
            "visibility": self._set_visibility,
            "lists": self._spoil_lists,
        }
        return [
            *(
                Route(version + path, self._answering(version, call), methods=[method])
                for version, method, path, call in calls
            ),
            *(Route(f"/_twin/{name}", _control(control), methods=["POST"]) for name, control in controls.items()),
        ]

    def books(self) -> JSONValue:
        """What FirstPromoter holds, in minor units."""
        ledger = self.ledger
        return {
            "referrals": [
                {"id": item.id, "uid": item.uid, "email": item.email, "state": item.state, "promoter_id": item.membership.promoter.id}
                for item in ledger.referrals.values()
            ],
            "sales": [
                {"event_id": item.event_id, "amount": item.amount, "currency": item.currency, "uid": item.referral.uid}
                for item in ledger.sales.values()
            ],
            "refunds": [
                {"event_id": item.event_id, "amount": item.amount, "currency": item.currency, "sale_event_id": item.sale_event_id}
                for item in ledger.refunds.values()
            ],
            "cancellations": [
                {"uid": item.referral.uid, "email": item.referral.email, "at": item.created_at} for item in ledger.cancellations
            ],
            "commissions": [
                {"id": item.id, "event_id": item.event_id, "amount": item.amount, "currency": item.currency, "status": item.status,
                 "promoter_id": item.membership.promoter.id, "is_fulfilled": item.is_fulfilled}
                for item in ledger.commissions.values()
            ],
            "duplicates": ledger.duplicates,
        }  # fmt: skip

    def clear_books(self) -> None:
        """Back to three campaigns and four promoters."""
        self.ledger = opened()
        self.list_fault = None
        self._spent = 0

    async def _subscribe(self, fields: JSONObject) -> JSONValue:
        return subscribe(self.ledger, fields["url"], fields["secret"], fields.get("events") or ())

    async def _change_commission(self, fields: JSONObject) -> JSONValue:
        return {"deliveries": await tell(self.ledger, change_commission(self.ledger, fields))}

    async def _set_rates(self, fields: JSONObject) -> JSONValue:
        self.ledger.rates = {currency.upper(): Fraction(str(rate)) for currency, rate in fields.items()}
        return {"set": True}

    async def _set_visibility(self, fields: JSONObject) -> JSONValue:
        self.ledger.visible_after = timedelta(seconds=fields["seconds"])
        return {"set": True}

    async def _spoil_lists(self, fields: JSONObject) -> JSONValue:
        self.list_fault = ListFault(**fields)
        return {"set": True}

    def _spoilt(self, request: Request) -> str:
        """How this list misbehaves, used up by one; empty for a good one."""
        fault = self.list_fault
        if fault is None or request.method != "GET" or fault.path not in request.url.path:
            return ""
        fault.times -= 1
        if fault.times <= 0:
            self.list_fault = None
        return fault.mode

    def _answering(self, version: str, call: Call) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if not self._knows(request, version):
                return Response(status_code=401) if version == V2 else _json(401, "Unauthorized")
            if version == V2 and self._is_too_fast():
                return Response("Too many requests", status_code=429, media_type="text/plain")
            spoilt = self._spoilt(request)
            request.scope["shifted_by"] = int(spoilt == "shift")
            try:
                status, body = call(self.ledger, request, await _fields(request, version))
                body = [] if spoilt == "empty" and isinstance(body, list) else body
            except Refusal as refusal:
                status, body = refusal.status, refusal.body
            except InvalidJSON:
                status, body = 400, {"message": "The body is not JSON.", "code": "invalid_params"}
            return Response(status_code=status) if body is None else _json(status, body)

        return answer

    def _knows(self, request: Request, version: str) -> bool:
        if version == V2:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not request.headers.get("account-id"):
                return False
        else:
            key = request.headers.get("x-api-key", "")
        return bool(key) and key not in self.revoked and not key.startswith("wrong")

    def _is_too_fast(self) -> bool:
        """More calls than allowed in one minute of the clock, all keys together."""
        minute = int(clock.now().timestamp()) // 60
        if minute != self._minute:
            self._minute, self._spent = minute, 0
        self._spent += 1
        return self._spent > self.requests_per_minute


def _control(control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return _json(200, await control(loads(await request.body() or b"{}")))
        except (KeyError, TypeError, ValueError, InvalidJSON) as error:
            return _json(400, {"message": f"{type(error).__name__}: {error}"})

    return answer


async def _fields(request: Request, version: str) -> JSONObject:
    body = await request.body()
    if version == V1:
        return dict(request.query_params) | dict(parse_qsl(body.decode(), keep_blank_values=True))
    found = loads(body) if body else {}
    if not isinstance(found, dict):
        raise InvalidJSON("not an object")
    return found


def _json(status: int, body: JSONValue) -> Response:
    return Response(dumps(body), status_code=status, media_type="application/json")
