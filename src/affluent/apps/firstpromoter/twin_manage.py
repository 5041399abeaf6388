"""The twin's changes by API v2: promoters, referrals, commissions and promo codes are made, moved and decided on."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from affluent.apps.firstpromoter import twin_views
from affluent.apps.firstpromoter.twin_company import find_promoter, number, page, referral_at
from affluent.apps.firstpromoter.twin_ledger import (
    Commission,
    Ledger,
    Membership,
    Person,
    Promoter,
    Refusal,
    time_now,
)
from affluent.apps.firstpromoter.twin_track import Answer, Call
from affluent.kit.jsons import JSONObject

AT_ONCE = 5
Change = Callable[[Ledger, int, JSONObject], bool]
"""(books, id, fields) → whether it could be done."""


def _create_promoter(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    email = str(fields.get("email") or "")
    if not email:
        raise _missing("email")
    if find_promoter(ledger, email, "email"):
        errors = {"email": ["has already been taken"]}
        raise Refusal(
            400,
            {"message": "Validation failed: Email has already been taken", "errors": errors, "code": "invalid_record"},
        )
    campaign = ledger.campaigns.get(fields.get("initial_campaign_id") or 1)
    if campaign is None:
        raise Refusal(404, {"message": "Campaign not found", "code": "not_found"})
    profile = fields.get("profile") or {}
    promoter = Promoter(
        id=next(ledger.ids), email=email, first_name=profile.get("first_name") or "", last_name=profile.get("last_name") or "",
        cust_id=fields.get("cust_id"), joined_at=time_now(),
    )  # fmt: skip
    ledger.promoters[promoter.id] = promoter
    state = "accepted" if fields.get("always_approve", True) else "pending"
    _join(ledger, promoter, campaign.id, state)
    return 201, twin_views.promoter_whole_v2(promoter, ledger)


def _join(ledger: Ledger, promoter: Promoter, campaign_id: int, state: str = "accepted") -> None:
    identifier = next(ledger.ids)
    ledger.memberships[identifier] = Membership(
        id=identifier, campaign=ledger.campaigns[campaign_id], promoter=promoter, ref_token=f"ref{identifier}", state=state,
        created_at=time_now(),
    )  # fmt: skip


def _update_promoter(ledger: Ledger, request: Request, fields: JSONObject) -> Answer:
    promoter = ledger.promoters.get(number(request.path_params["id"]) or 0)
    if promoter is None:
        raise Refusal(404, {"message": "Promoter not found", "code": "not_found"})
    profile = fields.get("profile") or {}
    promoter.email = fields.get("email") or promoter.email
    promoter.cust_id = fields.get("cust_id") or promoter.cust_id
    promoter.first_name = profile.get("first_name") or promoter.first_name
    promoter.last_name = profile.get("last_name") or promoter.last_name
    return 200, twin_views.promoter_whole_v2(promoter, ledger)


def _membership(ledger: Ledger, promoter_id: int, campaign_id: int) -> Membership | None:
    found = ledger.memberships.values()
    return next((item for item in found if item.promoter.id == promoter_id and item.campaign.id == campaign_id), None)


def _set_state(state: str) -> Change:
    def change(ledger: Ledger, identifier: int, fields: JSONObject) -> bool:
        found = _membership(ledger, identifier, fields["campaign_id"])
        if found is not None:
            found.state = state
        return found is not None

    return change


def _add_to_campaign(ledger: Ledger, identifier: int, fields: JSONObject) -> bool:
    promoter = ledger.promoters.get(identifier)
    if promoter is None or fields["campaign_id"] not in ledger.campaigns:
        return False
    if _membership(ledger, identifier, fields["campaign_id"]) is None:
        _join(ledger, promoter, fields["campaign_id"])
    return True


def _move_to_campaign(ledger: Ledger, identifier: int, fields: JSONObject) -> bool:
    found = _membership(ledger, identifier, fields["from_campaign_id"])
    goal = ledger.campaigns.get(fields["to_campaign_id"])
    if found is None or goal is None:
        return False
    found.campaign = goal
    return True


def _assign_parent(ledger: Ledger, identifier: int, fields: JSONObject) -> bool:
    promoter = ledger.promoters.get(identifier)
    if promoter is None or fields["parent_promoter_id"] not in ledger.promoters:
        return False
    promoter.parent_id = fields["parent_promoter_id"]
    return True


def _archive(ledger: Ledger, identifier: int, _fields: JSONObject) -> bool:
    return _archived(ledger, identifier, time_now())


def _restore(ledger: Ledger, identifier: int, _fields: JSONObject) -> bool:
    return _archived(ledger, identifier, None)


def _archived(ledger: Ledger, identifier: int, at: str | None) -> bool:
    promoter = ledger.promoters.get(identifier)
    if promoter is not None:
        promoter.archived_at = at
    return promoter is not None


def _create_referral(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    membership = ledger.memberships.get(fields.get("promoter_campaign_id") or 0)
    if membership is None:
        raise _missing("promoter_campaign_id")
    person = Person(uid=fields.get("uid") or "", email=fields.get("email") or "")
    if ledger.find(person):
        raise Refusal(
            422, {"message": "Validation failed: Email has already been taken", "code": "invalid_record", "errors": {}}
        )
    return 200, twin_views.referral_v2(ledger.refer(membership, person, "manual_admin"))


def _update_referral(ledger: Ledger, request: Request, fields: JSONObject) -> Answer:
    referral = referral_at(ledger, request)
    ledger.by_uid.pop(referral.uid, None)
    ledger.by_email.pop(referral.email.lower(), None)
    referral.uid, referral.email = fields.get("uid") or referral.uid, fields.get("email") or referral.email
    referral.membership = ledger.memberships.get(fields.get("promoter_campaign_id") or 0, referral.membership)
    ledger.index(referral)
    return 200, twin_views.referral_v2(referral)


def _move_referral(ledger: Ledger, identifier: int, fields: JSONObject) -> bool:
    referral, goal = ledger.referrals.get(identifier), ledger.memberships.get(fields["promoter_campaign_id"])
    if referral is None or goal is None:
        return False
    referral.membership = goal
    if fields.get("move_associated_commissions"):
        for commission in ledger.commissions.values():
            if commission.referral is referral:
                commission.membership = goal
    return True


def _delete_referral(ledger: Ledger, identifier: int, _fields: JSONObject) -> bool:
    referral = ledger.referrals.pop(identifier, None)
    if referral is None:
        return False
    ledger.by_uid.pop(referral.uid, None)
    ledger.by_email.pop(referral.email.lower(), None)
    return True


def _create_commission(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    referral = ledger.referrals.get(fields.get("referral_id") or 0)
    if fields.get("commission_type") == "sale":
        if referral is None or not fields.get("sale_amount"):
            raise _missing("referral_id" if referral is None else "sale_amount")
        made = ledger.earn(
            referral, event_id=fields.get("event_id") or "", amount=fields["sale_amount"], currency="USD"
        )
    else:
        membership = ledger.memberships.get(fields.get("promoter_campaign_id") or 0)
        if membership is None or not fields.get("amount"):
            raise _missing("promoter_campaign_id" if membership is None else "amount")
        made = Commission(
            id=next(ledger.ids), event_id=fields.get("event_id"), amount=fields["amount"], sale_amount=0, currency="USD",
            membership=membership, referral=None, created_at=time_now(), kind="custom",
        )  # fmt: skip
        ledger.commissions[made.id] = made
    day = str(fields.get("event_date") or made.created_at)
    made.created_at = f"{day}T00:00:00.000Z" if len(day) == len("2026-01-31") else day
    made.unit = fields.get("unit") or "cash"
    _note(made, fields)
    return 200, [twin_views.commission_v2(made)]


def _update_commission(ledger: Ledger, request: Request, fields: JSONObject) -> Answer:
    found = ledger.commissions.get(number(request.path_params["id"]) or 0)
    if found is None:
        raise Refusal(404, {"message": "Commission not found", "code": "not_found"})
    _note(found, fields)
    return 200, twin_views.commission_v2(found)


def _note(commission: Commission, fields: JSONObject) -> None:
    commission.internal_note = fields.get("internal_note") or commission.internal_note
    commission.external_note = fields.get("external_note") or commission.external_note


def _decide(status: str) -> Change:
    def change(ledger: Ledger, identifier: int, _fields: JSONObject) -> bool:
        found = ledger.commissions.get(identifier)
        if found is not None:
            found.status, found.status_updated_at = status, time_now()
        return found is not None

    return change


def _fulfil(*, done: bool) -> Change:
    def change(ledger: Ledger, identifier: int, _fields: JSONObject) -> bool:
        found = ledger.commissions.get(identifier)
        if found is None or found.unit == "cash":
            return False
        found.is_fulfilled = done
        return True

    return change


def _batch(label: str, change: Change, *required: str) -> Call:
    """A batch: up to five ids are done at once and answer 200, more answer 202 and are found done when asked for."""

    def call(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
        ids = fields.get("ids") or []
        missing = next((name for name in required if not isinstance(fields.get(name), int)), "" if ids else "ids")
        if missing:
            raise _missing(missing)
        failed = [identifier for identifier in ids if not change(ledger, identifier, fields)]
        batch: JSONObject = {
            "id": next(ledger.ids),
            "status": "completed",
            "total": len(ids),
            "selected_total": len(ids),
            "processed_count": len(ids) - len(failed),
            "failed_count": len(failed),
            "action_label": label,
            "created_at": time_now(),
            "updated_at": time_now(),
            "meta": {},
            "progress": 100,
            "processing_errors": [f"{identifier} cannot be changed" for identifier in failed],
        }
        ledger.batches[batch["id"]] = batch
        if len(ids) <= AT_ONCE:
            return 200, batch
        return 202, {
            **batch,
            "status": "pending",
            "progress": 0,
            "processed_count": 0,
            "failed_count": 0,
            "processing_errors": [],
        }

    return call


def _get_batch(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    found = ledger.batches.get(number(request.path_params["id"]) or 0)
    if found is None:
        raise Refusal(404, {"message": "Batch process not found", "code": "not_found"})
    return 200, found


def _list_codes(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    owner = request.query_params.get("promoter_campaign_id")
    return 200, page(
        request,
        [item for item in ledger.promo_codes.values() if not owner or str(item["promoter_campaign_id"]) == owner],
    )


def _create_code(ledger: Ledger, _request: Request, fields: JSONObject) -> Answer:
    missing = next((name for name in ("code", "reward_id", "promoter_campaign_id") if not fields.get(name)), "")
    if missing:
        raise _missing(missing)
    code: JSONObject = {
        "id": next(ledger.ids),
        "code": fields["code"],
        "reward": {"id": fields["reward_id"], "name": "Discount"},
        "description": fields.get("description") or "",
        "company_id": 1,
        "promoter_campaign_id": fields["promoter_campaign_id"],
        "metadata": {},
        "details": {},
    }
    ledger.promo_codes[code["id"]] = code
    return 200, code


def _code(ledger: Ledger, request: Request) -> JSONObject:
    found = ledger.promo_codes.get(number(request.path_params["id"]) or 0)
    if found is None:
        raise Refusal(404, {"message": "Promo code not found", "code": "not_found"})
    return found


def _get_code(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    return 200, _code(ledger, request)


def _update_code(ledger: Ledger, request: Request, fields: JSONObject) -> Answer:
    found = _code(ledger, request)
    found |= {name: value for name, value in fields.items() if name in ("code", "description", "promoter_campaign_id")}
    return 200, found


def _archive_code(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    _code(ledger, request)["archived_at"] = time_now()
    return 200, None


def _list_campaigns(ledger: Ledger, request: Request, _fields: JSONObject) -> Answer:
    return 200, page(request, [twin_views.campaign_v2(item, ledger) for item in ledger.campaigns.values()])


def _missing(name: str) -> Refusal:
    return Refusal(422, {"message": f"param is missing or the value is empty: {name}", "code": "invalid_params"})


CALLS: tuple[tuple[str, str, Call], ...] = (
    ("POST", "/promoters", _create_promoter),
    ("PUT", "/promoters/{id}", _update_promoter),
    ("POST", "/promoters/accept", _batch("accept", _set_state("accepted"), "campaign_id")),
    ("POST", "/promoters/reject", _batch("reject", _set_state("rejected"), "campaign_id")),
    ("POST", "/promoters/block", _batch("block", _set_state("blocked"), "campaign_id")),
    ("POST", "/promoters/add_to_campaign", _batch("add_to_campaign", _add_to_campaign, "campaign_id")),
    (
        "POST",
        "/promoters/move_to_campaign",
        _batch("move_to_campaign", _move_to_campaign, "from_campaign_id", "to_campaign_id"),
    ),
    ("POST", "/promoters/assign_parent", _batch("assign_parent", _assign_parent, "parent_promoter_id")),
    ("POST", "/promoters/archive", _batch("archive", _archive)),
    ("POST", "/promoters/restore", _batch("restore", _restore)),
    ("POST", "/referrals", _create_referral),
    ("PUT", "/referrals/{id}", _update_referral),
    ("DELETE", "/referrals", _batch("delete", _delete_referral)),
    ("POST", "/referrals/move_to_promoter", _batch("move_to_promoter", _move_referral, "promoter_campaign_id")),
    ("POST", "/commissions", _create_commission),
    ("PUT", "/commissions/{id}", _update_commission),
    ("POST", "/commissions/approve", _batch("approve", _decide("approved"))),
    ("POST", "/commissions/deny", _batch("deny", _decide("denied"))),
    ("POST", "/commissions/mark_fulfilled", _batch("mark_fulfilled", _fulfil(done=True))),
    ("POST", "/commissions/mark_unfulfilled", _batch("mark_unfulfilled", _fulfil(done=False))),
    ("GET", "/batch_processes/{id}", _get_batch),
    ("GET", "/promo_codes", _list_codes),
    ("POST", "/promo_codes", _create_code),
    ("GET", "/promo_codes/{id}", _get_code),
    ("PUT", "/promo_codes/{id}", _update_code),
    ("DELETE", "/promo_codes/{id}", _archive_code),
    ("GET", "/campaigns", _list_campaigns),
)
