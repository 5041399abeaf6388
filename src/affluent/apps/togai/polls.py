"""What a Togai elsewhere has, listed as the events that this server's own workspace would have emitted.

Togai documents no webhooks, and its accounts have no times, so lists are walked and the hub remembers ids. A list says less
than an event does; `wholes` completes an item when it is new. Invoices are looked at for 200 days, because an old one may be
paid or refunded late; payments and credits come newest first, so a walk ends a day before the newest one that was seen.
Schedules can only be read account by account: one request each.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from affluent.apps.togai.client import Ctx, at, pages, read
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.sdk import Incoming, Page, Rejected

_FEW, _PAGE = 10, 20
"""Accounts whose schedules are read for one page, and items of other pages: each may need five requests to be whole."""
_LOOKED_AT = timedelta(days=200)
_OVERLAP = timedelta(days=1)
_UPDATED = frozenset({"PARTIALLY_PAID", "VOID", "UN_COLLECTIBLE", "MERGED"})
_REFUNDED = frozenset({"REFUND_COMPLETED"})

_OPEN_CHANGED = "invoice.open_changed"


async def customers(ctx: Ctx, cursor: JSONValue) -> Page:
    """A page of customers, from the first."""
    return await _all(ctx, "/customers", cursor, "customer.created", "customer")


async def accounts(ctx: Ctx, cursor: JSONValue) -> Page:
    """A page of accounts, from the first."""
    return await _all(ctx, "/accounts", cursor, "account.created", "account")


async def plans_attached(ctx: Ctx, cursor: JSONValue) -> Page:
    """Every entry of the schedules of some accounts."""
    return await _schedules(ctx, cursor, "price_plan.attached")


async def plans_detached(ctx: Ctx, cursor: JSONValue) -> Page:
    """Entries that have ended and are not gone on with, of some accounts."""
    return await _schedules(ctx, cursor, "price_plan.detached")


async def invoices_generated(ctx: Ctx, cursor: JSONValue) -> Page:
    """Invoices and orders that are more than a draft."""
    return await _invoices(ctx, cursor, "invoice.generated", but="DRAFT")


async def invoices_paid(ctx: Ctx, cursor: JSONValue) -> Page:
    """Invoices paid in full."""
    return await _invoices(ctx, cursor, "invoice.paid", only=frozenset({"PAID"}))


async def invoices_updated(ctx: Ctx, cursor: JSONValue) -> Page:
    """Invoices that got another status; each status once."""
    return await _invoices(ctx, cursor, "invoice.updated", only=_UPDATED)


async def invoices_open(ctx: Ctx, cursor: JSONValue) -> Page:
    """Invoices by what is open on them: once for each status and paid amount."""
    return await _invoices(ctx, cursor, _OPEN_CHANGED)


async def invoices_refunded(ctx: Ctx, cursor: JSONValue) -> Page:
    """Invoices whose money was given back, not those whose refund was only begun; Togai knows no parts of it."""
    return await _invoices(ctx, cursor, "invoice.refunded", only=_REFUNDED)


async def payments(ctx: Ctx, cursor: JSONValue) -> Page:
    """Payments, newest first, back to a day before the newest that was seen."""
    return await _newest_first(ctx, "/payments", cursor, "payment.recorded", "payment")


async def credits_granted(ctx: Ctx, cursor: JSONValue) -> Page:
    """Credits, newest first, back to a day before the newest that was seen."""
    return await _newest_first(ctx, "/credits", cursor, "credit.granted", "credit")


async def _invoices(
    ctx: Ctx, cursor: JSONValue, kind: str, *, only: frozenset[str] = frozenset(), but: str = ""
) -> Page:
    walk: JSONObject = dict(cursor or {"start": int((ctx.now - _LOOKED_AT).timestamp() * 1000)})
    query: JSONObject = {"start_time": walk["start"], **({"status": next(iter(only))} if len(only) == 1 else {})}
    page = await _page(ctx, "/invoices", walk.get("token"), _PAGE, **query)
    wanted = [
        said for said in page.get("data") or [] if said.get("status") != but and (not only or said["status"] in only)
    ]
    items = [
        Incoming(
            type=kind,
            external_id=f"{kind}/{said['id']}{_state_of(said, kind)}",
            payload={"invoice": {"id": said["id"]}},
            occurred_at=_instant(said.get("generatedAt") if kind == "invoice.generated" else said.get("updatedAt")),
        )
        for said in wanted
    ]
    token = page.get("nextToken")
    return Page(items=items, cursor={**walk, "token": token} if token else None, more=bool(token))


def _state_of(invoice: JSONObject, kind: str) -> str:
    """What makes another event of the same invoice: its status, and with what is open also what is paid."""
    if kind == _OPEN_CHANGED:
        return f"/{invoice['status']}/{invoice.get('paidAmount') or 0}"
    return f"/{invoice['status']}" if kind == "invoice.updated" else ""


async def _newest_first(ctx: Ctx, path: str, cursor: JSONValue, kind: str, part: str) -> Page:
    walk: JSONObject = dict(cursor or {})
    page = await _page(ctx, path, walk.get("token"), _PAGE)
    items = [
        Incoming(
            type=kind,
            external_id=f"{kind}/{said['id']}",
            payload={part: said},
            occurred_at=_instant(said.get("createdAt")),
        )
        for said in page.get("data") or []
    ]
    times = [item.occurred_at.isoformat() for item in items if item.occurred_at]
    newest = max([*times, *filter(None, [walk.get("newest")])], default=None)
    has_met = bool(times and walk.get("until") and min(times) < walk["until"])
    token = None if has_met else page.get("nextToken")
    if token:
        return Page(items=items, cursor={**walk, "token": token, "newest": newest}, more=True)
    until = (datetime.fromisoformat(newest) - _OVERLAP).isoformat() if newest else walk.get("until")
    return Page(items=items, cursor={"until": until} if until else None)


async def _all(ctx: Ctx, path: str, cursor: JSONValue, kind: str, part: str) -> Page:
    page = await _page(ctx, path, cursor, _PAGE)
    items = [
        Incoming(
            type=kind,
            external_id=f"{kind}/{said['id']}",
            payload={part: said},
            occurred_at=_instant(said.get("createdAt")),
        )
        for said in page.get("data") or []
    ]
    return _following(page, items)


async def _schedules(ctx: Ctx, cursor: JSONValue, kind: str) -> Page:
    page = await _page(ctx, "/accounts", cursor, _FEW)
    items: list[Incoming] = []
    for said in page.get("data") or []:
        entries = [entry async for entry in pages(ctx, at("accounts", said["id"], "pricing_schedules"))]
        open_until = ctx.now.date().isoformat()
        remaining = {text_of(entry.get("pricePlanId")) for entry in entries if entry["endDate"][:10] >= open_until}
        for entry in entries:
            until = entry["endDate"][:10]
            if kind == "price_plan.detached" and (until >= open_until or _goes_on(entry, entries)):
                continue
            name = f"{kind}/{said['id']}/{entry['id']}" + (f"/{until}" if kind == "price_plan.detached" else "")
            schedule = {"id": entry["id"], "effective_from": entry["startDate"][:10], "effective_until": until}
            payload: JSONObject = {
                "price_plan": {"id": text_of(entry.get("pricePlanId"))},
                "schedule": schedule,
                "remaining_plans": len(remaining),
                "account": said,
            }
            items.append(Incoming(type=kind, external_id=name, payload=payload))
    return _following(page, items)


def _goes_on(entry: JSONObject, entries: list[JSONObject]) -> bool:
    following = (date.fromisoformat(entry["endDate"][:10]) + timedelta(days=1)).isoformat()
    starts = (entry["endDate"][:10], following)
    return any(
        other.get("pricePlanId") == entry.get("pricePlanId") and other["startDate"][:10] in starts for other in entries
    )


async def _page(ctx: Ctx, path: str, token: JSONValue, size: int, **query: str | int) -> JSONObject:
    page = await read(ctx, path, pageSize=size, **query, **({"nextToken": token} if token else {}))
    if token and page.get("nextToken") == token:
        raise Rejected(f"Togai's list {path} does not go on: it names the same next page again.")
    return page


def _following(page: JSONObject, items: list[Incoming]) -> Page:
    token = page.get("nextToken")
    return Page(items=items, cursor=token or None, more=bool(token))


def _instant(value: JSONValue) -> datetime | None:
    return clock.from_text(value)
