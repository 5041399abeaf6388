"""The four tracking calls and what each documented answer means, in both API versions."""

from __future__ import annotations

from affluent.apps.firstpromoter import client, money, referrals, units
from affluent.apps.firstpromoter.client import Ctx, given
from affluent.apps.firstpromoter.schemas import (
    Cancellation,
    Earned,
    Refund,
    Sale,
    Signup,
    TrackedCancellation,
    TrackedRefund,
    TrackedSale,
    TrackedSignup,
)
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money, MoneyError, exponent
from affluent.sdk import (
    FOREVER,
    AlreadyApplied,
    App,
    AppError,
    Effect,
    NotApplicable,
    NotReferred,
    OutcomeUnknown,
    Rejected,
    Response,
)
from affluent.sdk.facts import EffectKind, PositionCall

_NOBODY = "Not referred: nobody to credit, so the run ends as skipped"
_PERSON = ("uid", "email")
"""Whose it is: the stable id where both have one, since the payer's address is not always the account's."""
_RETRIED = "Tried again later with the same id"
_ANSWERS = {
    "200": "Tracked",
    "400": "Our data is wrong: parked, with FirstPromoter's message",
    "401, 403": "The key or Account ID was refused: the connection waits for its owner",
    "404 without the documented JSON": "The base URL is wrong: the connection waits for its owner",
    "429, 5xx, no answer": _RETRIED,
}
_CANCELLATION_ANSWERS = {
    **_ANSWERS,
    "204, 404": _NOBODY,
    "429, 5xx, no answer": "The referral is looked up; it is sent again only when it is not cancelled there",
}
_SIGN_UP = PositionCall(
    kind=EffectKind.SIGN_UP, about="uid", referral_settings={"FirstPromoterTid": "tid", "FirstPromoterRefId": "ref_id"}
)
_SALE = PositionCall(kind=EffectKind.SALE, about="event_id", account="uid", counts="counts", places=units.places)
_REFUND = PositionCall(kind=EffectKind.REFUND, about="sale_event_id", account="uid", places=units.places)
_CANCELLATION = PositionCall(kind=EffectKind.CANCELLATION, about="uid", account="uid")


def declare(app: App) -> None:
    """Declare the tracking actions."""
    app.action(
        "track_signup",
        title="Track a sign-up",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="track_signup.json",
        key_lasts=FOREVER,  # known by the customer's own record
        same=(_PERSON,),
        faults={204: client.not_referred, 404: client.not_referred, 422: _signed_up_before},
        look_up=find_signup,
        identifies={"referral": "referral_id", "promoter": "promoter_id"},
        answers={**_ANSWERS, "404": f"Visitor unknown or expired. {_NOBODY}", "422": "Tracked before: counts as done"},
        position=_SIGN_UP,
        facts=money.signed_up,
    )(track_signup)
    app.action(
        "track_sale",
        title="Track a sale",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="track_sale.json",
        key_field="event_id",
        key_lasts=FOREVER,  # known by the sale's own record
        same=(_PERSON,),
        faults={204: client.not_referred, 404: client.not_referred, 409: AlreadyApplied},
        look_up=find_sale,
        identifies={"referral": "referral_id", "promoter": "promoter_id", "sale": "sale_id"},
        answers={**_ANSWERS, "204, 404": _NOBODY, "409": "Tracked before: counts as done"},
        money=("amount", "currency"),
        position=_SALE,
        facts=money.sale_tracked,
    )(track_sale)
    app.action(
        "track_refund",
        title="Track a refund",
        effect=Effect.IDEMPOTENT_WRITE,
        sample="track_refund.json",
        key_field="event_id",
        key_lasts=FOREVER,  # known by the refund's own record
        same=(_PERSON,),
        faults={204: client.not_referred, 404: client.not_referred, 409: AlreadyApplied},
        answers={**_ANSWERS, "204, 404": _NOBODY, "409": "Tracked before: counts as done"},
        money=("amount", "currency"),
        position=_REFUND,
        facts=money.refund_tracked,
    )(track_refund)
    app.action(
        "track_cancellation",
        title="Track a cancellation",
        effect=Effect.WRITE,
        sample="track_cancellation.json",
        key_field="event_id",
        same=(_PERSON,),
        faults={204: client.not_referred, 404: client.not_referred},
        look_up=find_cancellation,
        identifies={"referral": "referral_id"},
        answers=_CANCELLATION_ANSWERS,
        position=_CANCELLATION,
    )(track_cancellation)


async def track_signup(ctx: Ctx, signup: Signup) -> TrackedSignup:
    """Credit the promoter who referred a new customer. Without a visitor id or referral id nothing is sent."""
    if not (signup.tid or signup.ref_id):
        raise NotReferred("Not referred: there is no visitor id (tid) and no referral id (ref_id) of a promoter.")
    _check_person(signup.uid, signup.email)
    fields = given(signup, exclude=("first_name", "last_name") if client.is_v2(ctx.credentials) else ())
    try:
        response = await client.send(ctx, "POST", "/track/signup", fields)
    except AlreadyApplied as error:
        known = await find_signup(ctx, signup)
        raise AlreadyApplied("This sign-up was tracked before.", output=known, status=error.status) from error
    body = client.document(response)
    return TrackedSignup(signup_id=body.get("id"), **_attribution(body))


async def find_signup(ctx: Ctx, signup: Signup) -> TrackedSignup | None:
    """The sign-up as FirstPromoter knows it, or None."""
    found = await referrals.find(ctx, uid=signup.uid, email=signup.email)
    return TrackedSignup.model_validate(found.model_dump()) if found else None


async def track_sale(ctx: Ctx, sale: Sale) -> TrackedSale:
    """Credit the promoter of a referred customer for a paid invoice. A customer nobody referred is a normal outcome."""
    _check_person(sale.uid, sale.email)
    _check_money(sale.amount, sale.currency, "a free invoice earns no commission")
    fields = given(
        sale, exclude=("amount_before", "counts", *(("created_at",) if client.is_v2(ctx.credentials) else ()))
    )
    amount = _in_units(ctx, sale.amount, sale.currency, before=sale.amount_before)
    fields |= {"amount": amount, "currency": sale.currency.upper()}
    if sale.mrr is not None:
        fields["mrr"] = str(units.share(ctx.credentials, sale.mrr, sale.currency))
    try:
        response = await client.send(ctx, "POST", "/track/sale", fields)
    except AlreadyApplied as error:
        known = await find_sale(ctx, sale) or TrackedSale(event_id=sale.event_id)
        raise AlreadyApplied("This sale was tracked before.", output=known, status=error.status) from error
    body = client.document(response)
    tracked = _sale(sale.event_id, body, commissions_of(body))
    return tracked if tracked.promoter_id else await _with_promoter(ctx, sale, tracked)


async def find_sale(ctx: Ctx, sale: Sale) -> TrackedSale | None:
    """The sale as FirstPromoter knows it by its id, or None; v1 has no search by sale, there only the promoter is found."""
    if not client.is_v2(ctx.credentials):
        return await _with_promoter(ctx, sale, TrackedSale(event_id=sale.event_id))
    response = await ctx.http.request("GET", "/company/commissions", query={"q": sale.event_id}, is_read=True)
    # q is a search: ids, e-mails and uids that merely contain the text come too, and refunds of the sale.
    found = [item for item in client.rows(response) if item.get("event_id") == sale.event_id]
    earned = [item for item in found if (item.get("amount") or 0) >= 0]
    if not earned:
        return await _with_promoter(ctx, sale, TrackedSale(event_id=sale.event_id))
    return _sale(sale.event_id, {"referral": earned[0].get("referral")}, earned)


async def track_refund(ctx: Ctx, refund: Refund) -> TrackedRefund:
    """Take back the commission of a refunded sale, in proportion. Give the refund its own id and the sale's id."""
    _check_person(refund.uid, refund.email)
    _check_money(refund.amount, refund.currency, "there is nothing to take back")
    fields = given(refund)
    amount = _in_units(ctx, refund.amount, refund.currency)
    fields |= {"amount": str(amount), "currency": refund.currency.upper()}
    try:
        response = await client.send(ctx, "POST", "/track/refund", fields)
    except AlreadyApplied as error:
        known = TrackedRefund(event_id=refund.event_id)
        raise AlreadyApplied("This refund was tracked before.", output=known, status=error.status) from error
    body = client.document(response)
    earned = [_earned(item) for item in commissions_of(body)]
    return TrackedRefund(event_id=refund.event_id, refund_id=body.get("id"), commissions=earned, **_attribution(body))


async def track_cancellation(ctx: Ctx, cancellation: Cancellation) -> TrackedCancellation:
    """Tell that a referred customer left. FirstPromoter has no key for it, so its state is read first and it is sent once."""
    _check_person(cancellation.uid, cancellation.email)
    before = await referrals.find(ctx, uid=cancellation.uid, email=cancellation.email)
    if before is None:
        raise NotReferred("Not referred: FirstPromoter knows no referral of this customer.")
    if before.state == "cancelled":
        raise NotApplicable("Cancelled already: FirstPromoter has this customer as cancelled, so nothing was sent.")
    fields = given(cancellation, exclude=("event_id",) if client.is_v2(ctx.credentials) else ())
    response = await client.send(ctx, "POST", "/track/cancellation", fields)
    body = client.document(response, lost=OutcomeUnknown)
    lead = body.get("referral") or body.get("lead") or {}
    known = before.model_dump() | {name: value for name, value in _attribution(body).items() if value is not None}
    return TrackedCancellation.model_validate(known | {"cancellation_id": body.get("id"), "state": lead.get("state")})


async def find_cancellation(ctx: Ctx, cancellation: Cancellation) -> TrackedCancellation | None:
    """The cancellation, when FirstPromoter has the customer as cancelled."""
    found = await referrals.find(ctx, uid=cancellation.uid, email=cancellation.email)
    if found is None or found.state != "cancelled":
        return None
    return TrackedCancellation.model_validate(found.model_dump())


async def _with_promoter(ctx: Ctx, sale: Sale, tracked: TrackedSale) -> TrackedSale:
    """A sale that earned nothing names no promoter; the referral does."""
    found = await referrals.find(ctx, uid=sale.uid, email=sale.email, referral_id=tracked.referral_id)
    if found is None:
        return tracked
    return TrackedSale.model_validate(tracked.model_dump() | found.model_dump(exclude={"state", "created_at"}))


def commissions_of(body: JSONObject) -> list[JSONObject]:
    """The commissions of an answer: a list in v2, one reward or none in v1 (and in v2's printed refund)."""
    found = body.get("commissions")
    if not isinstance(found, list):
        found = [body.get("reward")]
    return [item for item in found if isinstance(item, dict)]


def _sale(event_id: str, body: JSONObject, commissions: list[JSONObject]) -> TrackedSale:
    # Upper tiers earn from the same sale; the promoter who referred the customer is the first tier's.
    ordered = sorted(commissions, key=lambda item: item.get("tier") or item.get("tier_level") or 1)
    earned = [_earned(item) for item in ordered]
    first = earned[0] if earned else None
    return TrackedSale(
        event_id=event_id,
        sale_id=body.get("id"),
        commissions=earned,
        commission_id=first.id if first else None,
        commission_amount=first.amount if first else None,
        commission_status=first.status if first else None,
        **_attribution(body, ordered),
    )


def _attribution(body: JSONObject, commissions: list[JSONObject] | None = None) -> JSONObject:
    ordered = commissions_of(body) if commissions is None else commissions
    membership = next((referrals.membership_of(item) for item in ordered), {})
    return referrals.attribution(body.get("referral") or body.get("lead"), membership, body.get("promoter"))


def _earned(item: JSONObject) -> Earned:
    promoter = referrals.attribution(None, referrals.membership_of(item), item.get("promoter"))["promoter_id"]
    known = {
        "sale_amount": item["sale_amount"] if "sale_amount" in item else item.get("conversion_amount"),
        "tier": item.get("tier") or item.get("tier_level"),
        "is_split": bool(item.get("is_split")),
        "is_self_referral": bool(item.get("is_self_referral")),
    }
    return Earned.model_validate({**item, **known, "promoter_id": promoter})


def _signed_up_before(response: Response) -> AppError:
    """422 with `transaction_id` says that the lead has its sign-up; any other 422 is about our data."""
    if client.has_key(response, "transaction_id"):
        return AlreadyApplied("This sign-up was tracked before.", status=response.status)
    if client.is_cut_off(response):
        return client.unreadable(response)
    return Rejected(f"FirstPromoter answered 422: {client.said(response) or response.text()}", status=response.status)


def _check_person(uid: str, email: str) -> None:
    if not uid and not email:
        raise Rejected(
            "Fill in the customer id (uid) or the e-mail: FirstPromoter finds the customer by them.", field="uid"
        )


def _in_units(ctx: Ctx, amount: int, currency: str, *, before: int = 0) -> int:
    """The amount as FirstPromoter counts it: what the position says, else converted here.

    Where its unit is another one, the run says what was sent.
    """
    whole = Money(amount, currency.upper())
    counted = ctx.units
    if counted is None:
        counted = units.share(ctx.credentials, amount, whole.currency, before=before)
    if not counted:
        raise NotApplicable(f"Nothing to track: {whole} is less than FirstPromoter counts in {whole.currency}.")
    if text := units.note(ctx.credentials, whole, counted):
        ctx.notes.append(text)
    return counted


def _check_money(amount: int, currency: str, why: str) -> None:
    try:
        whole = Money(amount, currency.upper())
        exponent(whole.currency)
    except MoneyError as error:
        raise Rejected(f"{error}.", field="currency") from error
    if amount <= 0:
        raise NotApplicable(f"Nothing to track: the amount is {whole}; {why}.")
