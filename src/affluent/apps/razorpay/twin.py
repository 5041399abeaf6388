"""The twin of Razorpay: customers, orders, invoices, payment links, payments, refunds, and webhooks.

Beside the switches of every twin (sdk/twin.py), under /_twin:

    POST /_twin/webhook   {"url", "secret", "events": []}     as added in the dashboard; again: new secret, active again
    GET  /_twin/webhooks                                      addresses and every delivery with its answers
    POST /_twin/pay       {"id", "amount", "fee_on_top", "fails", "method"}   a customer pays an invoice, link or order; also
                          "fee", "notes": false or anything that shall stand there, "is_late": true pays what was withdrawn
    POST /_twin/refunds   {"pending": true}                   refunds made from now on wait until they are ended
    POST /_twin/refund    {"id", "state": "processed"}        a pending refund is processed or fails
    POST /_twin/dispute   {"payment_id", "amount"}            a dispute is opened; {"id", "event": "lost"} takes it on:
                          under_review, action_required, won, lost or closed
    POST /_twin/settle    {}                                  all that is not settled is sent to the bank
    POST /_twin/expire    {"id"}                              an unpaid invoice or link runs out
    POST /_twin/emit      {"event", "payload": {"dispute": {…}}}   any other event
    POST /_twin/deliver   {"repeat", "reverse", "drop": [], "without_id"}       how events are sent from now on
    POST /_twin/advance   {"seconds"}                         time passes: failed deliveries are tried again

Any key id of the right form is taken with the first secret it comes with; another secret is then refused.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from affluent.apps.razorpay.twin_books import Books, Refused
from affluent.apps.razorpay.twin_sales import Paying, expire, pay, refunded
from affluent.apps.razorpay.twin_settling import end_refund, move_dispute, open_dispute, settle, settled_in
from affluent.apps.razorpay.twin_webhooks import Behaviour, Webhooks
from affluent.kit.jsons import InvalidJSON, JSONObject, JSONValue, loads
from affluent.sdk.twin import Twin

_UNKNOWN_ID = "The id provided does not exist"
Handler = Callable[[Request, JSONObject], Awaitable[JSONValue]]


class RazorpayTwin(Twin):
    """Razorpay's API under /v1, as its reference documents it."""

    key = "razorpay"

    def __init__(self) -> None:
        super().__init__()
        self._books = Books()
        self._keys: dict[str, str] = {}
        self.webhooks = Webhooks(self._books)

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's routes, and the twin's own controls."""
        vendor: tuple[tuple[str, str, Handler], ...] = (
            ("POST", "/customers", self._create_customer),
            ("GET", "/customers", self._list("customers")),
            ("GET", "/customers/{id}", self._get("customers")),
            ("POST", "/orders", self._create_order),
            ("GET", "/orders/{id}", self._get("orders")),
            ("GET", "/orders/{id}/payments", self._order_payments),
            ("POST", "/invoices", self._create_invoice),
            ("GET", "/invoices", self._list("invoices", "type", "receipt", "customer_id", "payment_id")),
            ("GET", "/invoices/{id}", self._get("invoices")),
            ("POST", "/invoices/{id}/issue", self._issue_invoice),
            ("POST", "/invoices/{id}/cancel", self._cancel_invoice),
            ("POST", "/payment_links", self._create_payment_link),
            ("GET", "/payment_links", self._list_payment_links),
            ("GET", "/payment_links/{id}", self._get("payment_links")),
            ("POST", "/payment_links/{id}/cancel", self._cancel_payment_link),
            ("GET", "/payments", self._list("payments")),
            ("GET", "/payments/{id}", self._get("payments")),
            ("POST", "/payments/{id}/refund", self._refund),
            ("GET", "/refunds", self._list("refunds")),
            ("GET", "/payments/{id}/refunds", self._refunds_of),
            ("GET", "/refunds/{id}", self._get("refunds")),
            ("GET", "/disputes", self._list("disputes")),
            ("GET", "/disputes/{id}", self._get("disputes")),
            ("GET", "/settlements", self._list("settlements")),
            ("GET", "/settlements/recon/combined", self._reconciled),
            ("GET", "/settlements/{id}", self._get("settlements")),
        )
        controls: tuple[tuple[str, Handler], ...] = (
            ("webhook", self._set_webhook),
            ("pay", self._pay),
            ("expire", self._expire),
            ("refunds", self._hold_refunds),
            ("refund", self._end_refund),
            ("dispute", self._dispute),
            ("settle", self._settle),
            ("emit", self._emit),
            ("deliver", self._deliver),
            ("advance", self._advance),
        )
        return [
            *(Route(f"/v1{path}", self._vendor(handler), methods=[method]) for method, path, handler in vendor),
            Route("/v1/{rest:path}", _not_found, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            *(Route(f"/_twin/{name}", _control(handler), methods=["POST"]) for name, handler in controls),
            Route("/_twin/webhooks", self._show_webhooks),
        ]

    def books(self) -> JSONValue:
        """All records by kind."""
        names = (
            "customers", "orders", "invoices", "payment_links", "payments", "refunds", "disputes", "settlements",
        )  # fmt: skip
        return {name: list(getattr(self._books, name).values()) for name in names}

    def clear_books(self) -> None:
        """A new merchant: no records, no webhooks, no keys."""
        self._books = Books()
        self._keys.clear()
        self.webhooks = Webhooks(self._books)

    def add_customer(self, *, email: str | None = None, contact: str | None = None) -> str:
        """Put a customer into the books, as made in the dashboard; returns its id."""
        customer_id: str = self._books.create_customer({"email": email, "contact": contact})["id"]
        return customer_id

    def _vendor(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                self._authenticate(request)
                return JSONResponse(await handler(request, _object(await request.body())))
            except Refused as refusal:
                return _error(refusal)

        return answer

    def _authenticate(self, request: Request) -> None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or not encoded:
            raise Refused("Please provide your api key for authentication purposes.", status=401)
        try:
            key_id, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("Please provide your api key for authentication purposes.", status=401) from None
        if not re.fullmatch(r"rzp_(test|live)_\w+", key_id) or key_id in self.revoked:
            raise Refused("The api key provided is invalid", status=401)
        if not secret or secret in self.revoked or self._keys.setdefault(key_id, secret) != secret:
            raise Refused("The api secret provided is invalid", status=401)

    def _record(self, shelf: str, request: Request) -> JSONObject:
        record: JSONObject | None = getattr(self._books, shelf).get(request.path_params["id"])
        if record is None:
            raise Refused(_UNKNOWN_ID)
        return record

    async def _refunds_of(self, request: Request, _body: JSONObject) -> JSONValue:
        payment = self._record("payments", request)
        found = [refund for refund in self._books.refunds.values() if refund["payment_id"] == payment["id"]]
        return {"entity": "collection", "count": len(found), "items": found[::-1]}

    def _get(self, shelf: str) -> Handler:
        async def get(request: Request, _body: JSONObject) -> JSONValue:
            return self._record(shelf, request)

        return get

    def _list(self, shelf: str, *filters: str) -> Handler:
        async def show(request: Request, _body: JSONObject) -> JSONValue:
            wanted = {name: request.query_params[name] for name in filters if name in request.query_params}
            records = getattr(self._books, shelf).values()
            return _collection(
                request,
                [record for record in records if all(str(record[name]) == value for name, value in wanted.items())],
            )

        return show

    async def _create_customer(self, _request: Request, body: JSONObject) -> JSONValue:
        return self._books.create_customer(body)

    async def _create_order(self, _request: Request, body: JSONObject) -> JSONValue:
        return self._books.create_order(body)

    async def _order_payments(self, request: Request, _body: JSONObject) -> JSONValue:
        order = self._record("orders", request)
        return _collection(request, [item for item in self._books.payments.values() if item["order_id"] == order["id"]])

    async def _create_invoice(self, _request: Request, body: JSONObject) -> JSONValue:
        return self._books.create_invoice(body)

    async def _issue_invoice(self, request: Request, _body: JSONObject) -> JSONValue:
        return self._books.issue_invoice(self._record("invoices", request))

    async def _cancel_invoice(self, request: Request, _body: JSONObject) -> JSONValue:
        return self._books.cancel_invoice(self._record("invoices", request))

    async def _create_payment_link(self, _request: Request, body: JSONObject) -> JSONValue:
        return self._books.create_payment_link(body)

    async def _list_payment_links(self, request: Request, _body: JSONObject) -> JSONValue:
        reference, payment_id = (request.query_params.get(name) for name in ("reference_id", "payment_id"))
        links: Iterable[JSONObject] = self._books.payment_links.values()
        if reference is not None:
            links = [link for link in links if link["reference_id"] == reference]
        if payment_id is not None:
            links = [link for link in links if any(item["payment_id"] == payment_id for item in link["payments"] or [])]
        return {"payment_links": _collection(request, list(links))["items"]}

    async def _cancel_payment_link(self, request: Request, _body: JSONObject) -> JSONValue:
        link = self._books.cancel_payment_link(self._record("payment_links", request))
        await self.webhooks.tell([("payment_link.cancelled", {"payment_link": dict(link)})])
        return link

    async def _refund(self, request: Request, body: JSONObject) -> JSONValue:
        key = request.headers.get("x-refund-idempotency", "")
        refund, is_new = self._books.refund(self._record("payments", request), body, key)
        if is_new:
            await self.webhooks.tell(refunded(self._books, refund))
        return refund

    async def _set_webhook(self, _request: Request, body: JSONObject) -> JSONValue:
        hook = self.webhooks.set(body["url"], body["secret"], body.get("events") or ())
        return {"url": hook.url, "active": hook.active}

    async def _show_webhooks(self, _request: Request) -> Response:
        return JSONResponse(self.webhooks.shown())

    async def _pay(self, _request: Request, body: JSONObject) -> JSONValue:
        options = {name: value for name, value in body.items() if name != "id"}
        payment, told = pay(self._books, body["id"], Paying(**options))
        made = await self.webhooks.tell(told)
        return {"payment": payment, "deliveries": [delivery.shown() for delivery in made]}

    async def _expire(self, _request: Request, body: JSONObject) -> JSONValue:
        made = await self.webhooks.tell(expire(self._books, body["id"]))
        return {"deliveries": [delivery.shown() for delivery in made]}

    async def _hold_refunds(self, _request: Request, body: JSONObject) -> JSONValue:
        self._books.refund_status = "pending" if body["pending"] else "processed"
        return {"status": self._books.refund_status}

    async def _end_refund(self, _request: Request, body: JSONObject) -> JSONValue:
        made = await self.webhooks.tell(end_refund(self._books, body["id"], body["state"]))
        return {"refund": self._books.refunds[body["id"]], "deliveries": [delivery.shown() for delivery in made]}

    async def _dispute(self, _request: Request, body: JSONObject) -> JSONValue:
        if "id" in body:
            dispute, events = move_dispute(self._books, body["id"], body["event"])
        else:
            dispute, events = open_dispute(self._books, body["payment_id"], body.get("amount"))
        made = await self.webhooks.tell(events)
        return {"dispute": dispute, "deliveries": [delivery.shown() for delivery in made]}

    async def _settle(self, _request: Request, _body: JSONObject) -> JSONValue:
        settlement, events = settle(self._books)
        made = await self.webhooks.tell(events)
        return {"settlement": settlement, "deliveries": [delivery.shown() for delivery in made]}

    async def _reconciled(self, request: Request, _body: JSONObject) -> JSONValue:
        try:
            year, month, day = (int(request.query_params.get(name, "0")) for name in ("year", "month", "day"))
        except ValueError:
            raise Refused("year, month and day must be integers.") from None
        return _collection(request, settled_in(self._books, year=year, month=month, day=day or None))

    async def _emit(self, _request: Request, body: JSONObject) -> JSONValue:
        made = await self.webhooks.tell([(body["event"], body["payload"])])
        return {"deliveries": [delivery.shown() for delivery in made]}

    async def _deliver(self, _request: Request, body: JSONObject) -> JSONValue:
        self.webhooks.behaviour = Behaviour(**{**body, "drop": tuple(body.get("drop", ()))})
        return {"set": True}

    async def _advance(self, _request: Request, body: JSONObject) -> JSONValue:
        await self.webhooks.advance(int(body["seconds"]))
        return self.webhooks.shown()


def _control(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request, loads(await request.body() or b"{}")))
        except (Refused, KeyError, TypeError, InvalidJSON) as error:
            return JSONResponse({"message": f"{type(error).__name__}: {error}"}, status_code=400)

    return answer


def _object(body: bytes) -> JSONObject:
    try:
        value = loads(body or b"{}")
    except InvalidJSON:
        value = None
    if not isinstance(value, dict):
        raise Refused("The request body must be a JSON object")
    return value


def _collection(request: Request, records: list[JSONObject]) -> JSONObject:
    """Newest first, at most 100 of them, 10 unless asked for more; `from` and `to` are times of creation."""
    defaults = (("count", 10), ("skip", 0), ("from", 0), ("to", 2**40))
    try:
        count, skip, begin, end = (int(request.query_params.get(name, default)) for name, default in defaults)
    except ValueError:
        raise Refused("count, skip, from and to must be integers.") from None
    if not 0 < count <= 100:
        raise Refused("The count may not be greater than 100.", field="count")
    wanted = [record for record in reversed(records) if begin <= record["created_at"] <= end]
    items = wanted[skip : skip + count]
    return {"entity": "collection", "count": len(items), "items": items}


def _error(refusal: Refused) -> Response:
    error = {
        "code": "BAD_REQUEST_ERROR",
        "description": refusal.description,
        "source": "business",
        "step": "payment_initiation",
        "reason": "input_validation_failed",
        "metadata": {},
        **({"field": refusal.field} if refusal.field else {}),
    }
    return JSONResponse({"error": error}, status_code=refusal.status)


async def _not_found(_request: Request) -> Response:
    return _error(Refused("The requested URL was not found on the server.", status=404))
