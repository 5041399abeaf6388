"""What FirstPromoter's events, answers and lists say about money: facts. Pure.

A commission is an amount in the account's own currency, which the API never names, so its currency is "" here. The sale that it
is for is stated twice by API v2: converted to that currency (`sale_amount`) and as it was sent (`original_sale_*`, whose currency is
null where nothing was converted). API v1 states only the first, so an entry can be made of v2's records alone.
A refund's record names its own id and not the sale's; only our own call knows both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from affluent.apps.firstpromoter import referrals
from affluent.apps.firstpromoter.schemas import ReferralSearch, Refund, Sale, Signup
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, text_of
from affluent.kit.numbers import exact
from affluent.sdk.facts import Commission, CommissionState, Entry, Fact, Lead, LeadState, Origin

_CHANGED = ("commission.updated", "commission.deleted")
"""Events whose time is not among the record's own."""
_GONE = ("denied",)
"""States of a referral that FirstPromoter credits nobody for."""


def commission_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The commission as it stands, and the sale or refund that it is for."""
    kind = payload["event_type"]
    at = None if kind in _CHANGED else _recorded_at(payload["data"])
    facts = commission_facts(payload["data"], replace(origin, happened_at=at or origin.happened_at))
    if kind != "commission.deleted":
        return facts
    # A deleted commission says nothing of the sale, which other commissions may be for.
    return [replace(fact, state=CommissionState.DELETED) for fact in facts if isinstance(fact, Commission)]


def referral_event(payload: JSONObject, origin: Origin) -> list[Fact]:
    """The customer is known as referred, or not any more."""
    known = referrals.referral_of(payload["data"]).model_dump()
    is_gone = payload["event_type"] == "referral.deleted" or known["state"] in _GONE
    return lead_facts(known, origin, state=LeadState.ABSENT if is_gone else LeadState.KNOWN)


def signed_up(given: Signup, output: JSONObject, origin: Origin) -> list[Fact]:
    """The customer is known from now on."""
    return lead_facts({**output, "uid": output.get("uid") or given.uid}, origin)


def looked_up(given: ReferralSearch, output: JSONObject, origin: Origin) -> list[Fact]:
    """The customer is known as referred."""
    is_gone = output.get("state") in _GONE
    known = {**output, "uid": output.get("uid") or given.uid}
    return lead_facts(known, origin, state=LeadState.ABSENT if is_gone else LeadState.KNOWN)


def sale_tracked(given: Sale, output: JSONObject, origin: Origin) -> list[Fact]:
    """What the promoters are promised for the sale, and that the customer is known."""
    known = lead_facts({**output, "uid": output.get("uid") or given.uid}, origin) if output.get("referral_id") else []
    return known + _promised(output, given.event_id, given.event_id, origin)


def refund_tracked(given: Refund, output: JSONObject, origin: Origin) -> list[Fact]:
    """What is taken back from the promoters."""
    return _promised(output, given.event_id, given.sale_event_id, origin)


def commission_facts(record: JSONObject, origin: Origin) -> list[Fact]:
    """A commission as webhooks and lists write it, and its sale or refund where the record tells what was sent."""
    commission = _commission(record, origin)
    entry = _entry(record, commission, origin)
    return [commission, entry] if entry is not None else [commission]


def listed_commission(record: JSONObject, origin: Origin) -> list[Fact]:
    """The same of a record of a list, at the time that the record states."""
    return commission_facts(record, replace(origin, happened_at=_recorded_at(record) or origin.happened_at))


def lead_facts(known: JSONObject, origin: Origin, *, state: LeadState = LeadState.KNOWN) -> list[Fact]:
    """Who referred a customer; nothing of a referral without our id of the customer."""
    account_id = text_of(known.get("uid"))
    if not account_id:
        return []
    return [
        Lead(
            source=origin.source,
            id=text_of(known.get("referral_id")) or account_id,
            happened_at=origin.happened_at,
            learned_at=origin.learned_at,
            account_id=account_id,
            promoter_id=text_of(known.get("promoter_id")),
            state=state,
        )
    ]


def _promised(output: JSONObject, event_id: str, sale_id: str, origin: Origin) -> list[Fact]:
    earned: Iterable[JSONObject] = output.get("commissions") or []
    return [
        replace(
            _commission({**item, "event_id": event_id}, origin),
            sale_id=sale_id,
            promised=_whole(item.get("amount")),
            promoter_id=text_of(item.get("promoter_id")),
            campaign=text_of(output.get("campaign_name")),
        )
        for item in earned
    ]


def _commission(record: JSONObject, origin: Origin) -> Commission:
    known = referrals.attribution(None, referrals.membership_of(record), record.get("promoter"))
    event_id = text_of(record.get("event_id")) if _is_of_sale(record) else ""
    return Commission(
        source=origin.source,
        id=text_of(record["id"]),
        happened_at=origin.happened_at,
        learned_at=origin.learned_at,
        entry_id=event_id,
        sale_id="" if _is_refund(record) else event_id,
        promoter_id=text_of(known["promoter_id"]),
        amount=_whole(record.get("amount")),
        currency="",
        state=_state(record),
        base=_whole(_account_amount(record)),
        is_cash=text_of(record.get("unit") or "cash") == "cash",
        is_self_referral=bool(record.get("is_self_referral")),
        is_split=bool(record.get("is_split")),
        tier=record.get("tier") or record.get("tier_level") or 1,
        was_paid=bool(record.get("is_paid")),
        campaign=text_of(known["campaign_name"]),
    )


def _entry(record: JSONObject, commission: Commission, origin: Origin) -> Entry | None:
    """The sale or refund in the currency that it was told in; None for what is no sale, and in API v1."""
    if not commission.entry_id or "sale_amount" not in record or "conversion_amount" in record:
        return None
    is_original_stated = record.get("original_sale_amount") is not None
    units = _whole(record["original_sale_amount" if is_original_stated else "sale_amount"])
    person = record.get("referral") or {}
    return Entry(
        source=origin.source,
        id=commission.entry_id,
        happened_at=origin.happened_at,
        learned_at=origin.learned_at,
        sale_id=commission.sale_id,
        units=abs(units),
        currency=text_of(record.get("original_sale_currency")).upper() if is_original_stated else "",
        is_refund=_is_refund(record),
        account_id=text_of(person.get("uid")),
    )


def _state(record: JSONObject) -> CommissionState:
    status = text_of(record.get("status") or "approved")
    if status == "approved" and record.get("is_paid"):
        return CommissionState.PAID
    return CommissionState(status) if status in list(CommissionState) else CommissionState.PENDING


def _is_of_sale(record: JSONObject) -> bool:
    """A bonus that was given by hand is of none, whatever id it was given."""
    return text_of(record.get("commission_type") or "sale") == "sale"


def _is_refund(record: JSONObject) -> bool:
    return _whole(_account_amount(record)) < 0 or _whole(record.get("amount")) < 0


def _account_amount(record: JSONObject) -> JSONValue:
    return record.get("sale_amount") if record.get("sale_amount") is not None else record.get("conversion_amount")


def _recorded_at(record: JSONObject) -> datetime | None:
    return clock.from_text(record.get("status_updated_at")) or clock.from_text(record.get("created_at"))


def _whole(value: JSONValue) -> int:
    """A whole number, 0 when there is none; raises ValueError for anything else."""
    number = exact(str(value) if isinstance(value, float) else value or 0)
    if number is None or number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)
