"""What the four tracking calls mean, answer by answer, in both API versions."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.schemas import Credentials
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.kit.jsons import loads
from affluent.sdk import (
    AlreadyApplied,
    AuthFailed,
    Misconfigured,
    NotApplicable,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)

PERSON = {"uid": "ACC-1", "email": "billing@northwind.example"}
SALE = {**PERSON, "event_id": "inv.1", "amount": 249900, "currency": "USD"}
REFUND = {**PERSON, "event_id": "ref.1", "sale_event_id": "inv.1", "amount": 249900, "currency": "USD"}
CANCELLATION = {**PERSON, "event_id": "ACC-1/evt_1"}
CALLS = {
    "track_signup": {**PERSON, "tid": "tid_001"},
    "track_sale": SALE,
    "track_refund": REFUND,
    "track_cancellation": CANCELLATION,
}
PATHS = {name: "/track/" + name.removeprefix("track_") for name in CALLS}
WRITTEN_ONCE = "track_cancellation"


async def sign_up(vendor: Bench, **fields):
    return await vendor.run("track_signup", **{**CALLS["track_signup"], **fields})


async def test_a_referred_sign_up_is_tracked_for_the_promoter(vendor: Bench) -> None:
    tracked = await sign_up(vendor)
    assert (tracked.uid, tracked.email) == ("ACC-1", "billing@northwind.example")
    assert [item["id"] for item in vendor.books["referrals"]] == [tracked.referral_id]


async def test_a_sign_up_by_referral_id_is_tracked(vendor: Bench) -> None:
    tracked = await sign_up(vendor, tid="", ref_id="ada")
    assert vendor.books["referrals"][0]["promoter_id"] == 4101
    assert tracked.signup_id is not None


async def test_a_sign_up_without_visitor_and_referral_id_sends_nothing(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("track_signup", **PERSON)
    assert vendor.twin.calls == []


async def test_a_sign_up_of_an_unknown_visitor_is_not_referred(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred.*Visitor invalid"):
        await sign_up(vendor, tid="from-a-dashboard-test")


async def test_a_second_sign_up_counts_as_done_and_names_the_lead(vendor: Bench) -> None:
    first = await sign_up(vendor)
    with pytest.raises(AlreadyApplied) as caught:
        await sign_up(vendor)
    assert caught.value.output.referral_id == first.referral_id
    assert caught.value.output.promoter_email == "ben@partners.example"
    assert len(vendor.books["referrals"]) == 1


async def test_a_sign_up_refused_for_other_reasons_is_parked(vendor: Bench) -> None:
    vendor.twin.fail_next(422, body='{"message":"Email is invalid"}', content_type="application/json")
    with pytest.raises(Rejected, match="Email is invalid"):
        await sign_up(vendor)


@pytest.mark.parametrize(
    ("status", "body"), [(422, '{"transaction_id":"there is al'), (404, '{"message":"Visitor inv')]
)
async def test_half_of_a_refusal_says_nothing_of_our_data_and_is_asked_for_again(
    vendor: Bench, status: int, body: str
) -> None:
    vendor.twin.fail_next(status, body=body, content_type="application/json")
    with pytest.raises(Unavailable, match="cut off"):
        await sign_up(vendor)


async def test_a_sale_tells_promoter_campaign_and_commission(vendor_v2: Bench) -> None:
    await sign_up(vendor_v2)
    sale = await vendor_v2.run("track_sale", **SALE)
    assert (sale.promoter_id, sale.promoter_email) == (4102, "ben@partners.example")
    assert (sale.campaign_id, sale.campaign_name) == (2, "Agencies")
    assert (sale.commission_amount, sale.commission_status) == (37485, "approved")
    assert sale.sale_id is not None


async def test_a_legacy_sale_tells_the_promoter_and_the_reward(vendor_v1: Bench) -> None:
    await sign_up(vendor_v1)
    sale = await vendor_v1.run("track_sale", **SALE)
    assert (sale.promoter_id, sale.promoter_email, sale.commission_amount) == (4102, "ben@partners.example", 37485)


async def test_a_sale_that_earned_nothing_still_tells_the_promoter(vendor_v2: Bench) -> None:
    await sign_up(vendor_v2)
    body = '{"id":1,"etype":"sale","referral":{"id":%d,"email":"e","uid":"ACC-1"},"commissions":[]}'
    body %= vendor_v2.books["referrals"][0]["id"]
    vendor_v2.twin.fail_next(200, path="/track/sale", body=body, content_type="application/json")
    sale = await vendor_v2.run("track_sale", **SALE)
    assert (sale.promoter_email, sale.campaign_name, sale.commissions) == ("ben@partners.example", "Agencies", [])
    assert sale.commission_id is None


async def test_a_sale_of_several_tiers_names_the_first_tiers_promoter(vendor_v2: Bench) -> None:
    def commission(number: int, tier: int) -> str:
        membership = (
            f'{{"id":7,"campaign_id":3,"promoter_id":{number},"promoter":{{"id":{number},"email":"p{number}@x"}}}}'
        )
        return f'{{"id":{number},"tier":{tier},"amount":5,"status":"approved","promoter_campaign":{membership}}}'

    body = f'{{"id":1,"referral":{{"id":9}},"commissions":[{commission(22, 2)},{commission(11, 1)}]}}'
    vendor_v2.twin.fail_next(200, body=body, content_type="application/json")
    sale = await vendor_v2.run("track_sale", **SALE)
    assert (sale.promoter_id, [item.promoter_id for item in sale.commissions]) == (11, [11, 22])


async def test_a_sale_of_a_customer_nobody_referred_is_a_normal_outcome(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred") as caught:
        await vendor.run("track_sale", **SALE)
    assert caught.value.status == (404 if vendor.version == 2 else 204)
    assert vendor.books["sales"] == []


async def test_v2_may_say_not_referred_without_a_body_as_it_once_did(vendor_v2: Bench) -> None:
    vendor_v2.twin.fail_next(204)
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor_v2.run("track_sale", **SALE)


async def test_a_sale_of_a_blocked_promoter_is_not_referred(vendor: Bench) -> None:
    await sign_up(vendor)
    for membership in vendor.twin.ledger.memberships.values():
        membership.state = "blocked"
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("track_sale", **SALE)


async def test_the_same_sale_twice_counts_as_done_and_names_the_promoter(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_sale", **SALE)
    with pytest.raises(AlreadyApplied) as caught:
        await vendor.run("track_sale", **SALE)
    assert caught.value.output.promoter_email == "ben@partners.example"
    assert caught.value.output.campaign_name == "Agencies"
    assert len(vendor.books["sales"]) == 1
    assert vendor.books["duplicates"] == 0


async def test_a_repeated_sale_is_found_among_ids_that_look_alike(vendor_v2: Bench) -> None:
    await sign_up(vendor_v2)
    await vendor_v2.run("track_sale", **{**SALE, "event_id": "inv.10", "amount": 100})
    await vendor_v2.run("track_sale", **SALE)
    with pytest.raises(AlreadyApplied) as caught:
        await vendor_v2.run("track_sale", **SALE)
    assert caught.value.output.commission_amount == 37485


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (320000, "JPY", 320000), (18900000, "INR", 18900000), (1, "USD", 1),
        (741255, "KWD", 74126), (741245, "BHD", 74124), (12345678, "CLF", 123457),
    ],
)  # fmt: skip
async def test_amounts_arrive_in_the_vendors_unit(vendor: Bench, amount: int, currency: str, units: int) -> None:
    await sign_up(vendor)
    await vendor.run("track_sale", **{**SALE, "amount": amount, "currency": currency.lower()})
    await vendor.run("track_refund", **{**REFUND, "amount": amount, "currency": currency})
    assert [(item["amount"], item["currency"]) for item in vendor.books["sales"]] == [(units, currency)]
    assert [(item["amount"], item["currency"]) for item in vendor.books["refunds"]] == [(units, currency)]


async def test_the_run_says_that_the_vendor_counts_two_places(vendor: Bench) -> None:
    await sign_up(vendor)
    context = vendor.context("track_sale")
    sale = {**SALE, "amount": 741255, "currency": "KWD"}
    action = app.actions["track_sale"]
    await action.run(context, action.input.model_validate(sale))
    assert context.notes == [
        "FirstPromoter counts KWD in two decimal places: KWD 741.255 was sent as 741.26, which are 74126 of its units."
    ]


async def test_parts_of_an_invoice_add_up_to_it_in_the_vendors_unit(vendor: Bench) -> None:
    await sign_up(vendor)
    parts = [16667, 16666, 16667, 16667, 16666, 16667]
    for number, part in enumerate(parts):
        known = {"event_id": f"pay_{number}", "amount_before": sum(parts[:number])}
        await vendor.run("track_sale", **{**SALE, **known, "amount": part, "currency": "KWD"})
    assert sum(item["amount"] for item in vendor.books["sales"]) == 10000


async def test_a_connection_can_say_how_many_places_a_currency_has(vendor: Bench) -> None:
    await sign_up(vendor)
    credentials = vendor.credentials.model_copy(update={"decimal_places": "KWD=3"})
    action = app.actions["track_sale"]
    sale = action.input.model_validate({**SALE, "amount": 741255, "currency": "KWD"})
    await action.run(vendor.context("track_sale", credentials), sale)
    assert [item["amount"] for item in vendor.books["sales"]] == [741255]


async def test_an_amount_that_the_vendor_cannot_count_is_not_sent(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match="less than FirstPromoter counts in KWD"):
        await vendor.run("track_sale", **{**SALE, "amount": 5, "currency": "KWD"})
    assert vendor.twin.calls == []


@pytest.mark.parametrize("text", ["KWD", "KWD=5", "HRK=2", "KWD:3"])
def test_decimal_places_that_say_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="write KWD=3"):
        Credentials(api_key="k", decimal_places=text)


@pytest.mark.parametrize("amount", [0, -5])
async def test_a_free_invoice_is_not_sent(vendor: Bench, amount: int) -> None:
    with pytest.raises(NotApplicable, match=r"^Nothing to track"):
        await vendor.run("track_sale", **{**SALE, "amount": amount})
    assert vendor.twin.calls == []


async def test_a_currency_that_does_not_exist_is_refused_here(vendor: Bench) -> None:
    with pytest.raises(Rejected, match="ISO 4217") as caught:
        await vendor.run("track_sale", **{**SALE, "currency": "XQQ"})
    assert (caught.value.field, vendor.twin.calls) == ("currency", [])


async def test_an_amount_with_decimals_is_no_input_at_all(vendor: Bench) -> None:
    with pytest.raises(ValidationError, match="amount"):
        await vendor.run("track_sale", **{**SALE, "amount": 9.99})


async def test_a_refund_takes_its_share_of_the_commission_back(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_sale", **SALE)
    refund = await vendor.run("track_refund", **{**REFUND, "amount": 100000})
    assert [item.amount for item in refund.commissions] == [-15000]
    assert [item["amount"] for item in vendor.books["commissions"]] == [37485, -15000]


async def test_a_refund_answer_in_the_newer_shape_is_read_too(vendor_v2: Bench) -> None:
    body = '{"id":5,"etype":"refund","referral":{"id":9,"uid":"ACC-1"},"commissions":[{"id":6,"amount":-7}]}'
    vendor_v2.twin.fail_next(200, body=body, content_type="application/json")
    refund = await vendor_v2.run("track_refund", **REFUND)
    assert (refund.refund_id, refund.referral_id, refund.commissions[0].amount) == (5, 9, -7)


async def test_the_same_refund_twice_counts_as_done(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_sale", **SALE)
    await vendor.run("track_refund", **REFUND)
    with pytest.raises(AlreadyApplied):
        await vendor.run("track_refund", **REFUND)
    assert len(vendor.books["refunds"]) == 1
    assert vendor.books["duplicates"] == 0


async def test_a_refund_of_a_customer_nobody_referred_is_a_normal_outcome(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("track_refund", **REFUND)


async def test_a_refund_answered_404_with_the_documented_json_is_a_normal_outcome(vendor: Bench) -> None:
    vendor.twin.fail_next(
        404, body='{"message":"Referral not found","code":"not_found"}', content_type="application/json"
    )
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("track_refund", **REFUND)


async def test_a_cancellation_marks_the_customer_as_cancelled(vendor: Bench) -> None:
    await sign_up(vendor)
    cancelled = await vendor.run("track_cancellation", **CANCELLATION)
    assert (cancelled.state, cancelled.uid) == ("cancelled", "ACC-1")
    assert vendor.books["referrals"][0]["state"] == "cancelled"


async def test_a_customer_who_is_cancelled_already_is_not_cancelled_again(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_cancellation", **CANCELLATION)
    with pytest.raises(NotApplicable, match=r"^Cancelled already"):
        await vendor.run("track_cancellation", **{**CANCELLATION, "event_id": "another"})
    assert len(vendor.called("/track/cancellation")) == 1
    assert vendor.books["duplicates"] == 0


async def test_a_customer_who_came_back_can_leave_again(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_cancellation", **CANCELLATION)
    await vendor.run("track_sale", **SALE)
    await vendor.run("track_cancellation", **{**CANCELLATION, "event_id": "another"})
    assert len(vendor.books["cancellations"]) == 2
    assert vendor.books["duplicates"] == 0


async def test_a_cancellation_of_a_customer_nobody_referred_is_a_normal_outcome(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("track_cancellation", **CANCELLATION)
    assert vendor.called("/track/cancellation") == []


async def test_a_lost_cancellation_is_looked_up(vendor: Bench) -> None:
    await sign_up(vendor)
    assert await vendor.look_up("track_cancellation", **CANCELLATION) is None
    vendor.twin.drop_answer(path="/track/cancellation")
    with pytest.raises(OutcomeUnknown):
        await vendor.run("track_cancellation", **CANCELLATION)
    found = await vendor.look_up("track_cancellation", **CANCELLATION)
    assert found is not None
    assert found.state == "cancelled"


async def test_a_lost_sign_up_and_a_lost_sale_are_looked_up(vendor: Bench) -> None:
    assert await vendor.look_up("track_signup", **PERSON) is None
    await sign_up(vendor)
    await vendor.run("track_sale", **SALE)
    signup, sale = await vendor.look_up("track_signup", **PERSON), await vendor.look_up("track_sale", **SALE)
    assert signup is not None
    assert sale is not None
    assert (signup.uid, sale.promoter_email) == ("ACC-1", "ben@partners.example")


@pytest.mark.parametrize("action", CALLS)
async def test_data_that_the_vendor_refuses_is_parked_with_its_words(vendor: Bench, action: str) -> None:
    await sign_up(vendor, tid="tid_001")
    vendor.twin.fail_next(
        400, path=PATHS[action], body='{"message":"Error. Amount blank or invalid."}', content_type="application/json"
    )
    with pytest.raises(Rejected, match="Amount blank or invalid"):
        await vendor.run(action, **CALLS[action])


@pytest.mark.parametrize("action", CALLS)
async def test_a_customer_without_uid_and_email_is_refused_here(vendor: Bench, action: str) -> None:
    with pytest.raises(Rejected) as caught:
        await vendor.run(action, **{**CALLS[action], "uid": "", "email": ""})
    assert (caught.value.field, vendor.twin.calls) == ("uid", [])


@pytest.mark.parametrize("action", CALLS)
async def test_a_revoked_key_stops_the_connection(vendor: Bench, action: str) -> None:
    vendor.twin.revoke_key("fp_test_key")
    with pytest.raises(AuthFailed) as caught:
        await vendor.run(action, **CALLS[action])
    assert (type(caught.value), caught.value.field) == (AuthFailed, "api_key")


@pytest.mark.parametrize("action", CALLS)
async def test_a_forbidden_account_stops_the_connection(vendor: Bench, action: str) -> None:
    vendor.twin.fail_next(403, body='{"message":"Forbidden","code":"forbidden"}', content_type="application/json")
    with pytest.raises(AuthFailed) as caught:
        await vendor.run(action, **CALLS[action])
    assert caught.value.field == "account_id"


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize(("status", "body", "kind"), [(404, "<h1>Not found</h1>", "text/html"), (301, "", "text/html")])
async def test_a_404_that_is_not_the_documented_json_is_a_wrong_address(
    vendor: Bench, action: str, status: int, body: str, kind: str
) -> None:
    await sign_up(vendor)
    vendor.twin.fail_next(status, path=PATHS[action], body=body, content_type=kind)
    with pytest.raises(Misconfigured) as caught:
        await vendor.run(action, **CALLS[action])
    assert caught.value.field == "base_url"


@pytest.mark.parametrize("action", ["track_signup", "track_sale", "track_refund"])
async def test_an_empty_404_is_a_wrong_address(vendor: Bench, action: str) -> None:
    vendor.twin.fail_next(404)
    with pytest.raises(Misconfigured):
        await vendor.run(action, **CALLS[action])


@pytest.mark.parametrize(
    ("given", "sent"), [({}, (None, None)), ({"skip_email_notification": False, "mrr": 0}, (False, "0"))]
)
async def test_false_and_0_are_sent_where_a_flow_gives_them(
    vendor_v2: Bench, given: dict[str, object], sent: tuple[object, object]
) -> None:
    await sign_up(vendor_v2)
    await vendor_v2.run("track_sale", **SALE, **given)
    body = loads(vendor_v2.called("/track/sale")[-1]["body"])
    assert (body.get("skip_email_notification"), body.get("mrr")) == sent


@pytest.mark.parametrize("action", CALLS)
async def test_a_page_where_json_belongs_is_about_this_attempt_and_not_about_the_connection(
    vendor: Bench, action: str
) -> None:
    await sign_up(vendor)
    vendor.twin.fail_next(200, path=PATHS[action], body="<html>Welcome</html>", content_type="text/html")
    with pytest.raises((Unavailable, OutcomeUnknown)):
        await vendor.run(action, **CALLS[action])


@pytest.mark.parametrize("action", CALLS)
async def test_too_fast_is_tried_again_when_the_vendor_wants_it(vendor: Bench, action: str) -> None:
    vendor.twin.fail_next(429, retry_after=7)
    with pytest.raises(RateLimited) as caught:
        await vendor.run(action, **CALLS[action])
    assert caught.value.retry_after.total_seconds() == 7


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_vendor_that_is_down_is_tried_again(vendor: Bench, action: str, status: int) -> None:
    await sign_up(vendor)
    vendor.twin.fail_next(status, path=PATHS[action])
    expected = OutcomeUnknown if action == WRITTEN_ONCE else Unavailable
    with pytest.raises(expected):
        await vendor.run(action, **CALLS[action])


@pytest.mark.parametrize("action", ["track_signup", "track_sale", "track_refund"])
@pytest.mark.parametrize("switch", ["drop", "truncate"])
async def test_a_lost_answer_is_repeated_under_the_same_id_and_applied_once(
    vendor: Bench, action: str, switch: str
) -> None:
    if action != "track_signup":
        await sign_up(vendor)
    if action == "track_refund":
        await vendor.run("track_sale", **SALE)
    await arm(vendor, switch, PATHS[action])
    with pytest.raises(Unavailable):
        await vendor.run(action, **CALLS[action])
    with pytest.raises(AlreadyApplied):
        await vendor.run(action, **CALLS[action])
    assert vendor.books["duplicates"] == 0
    assert {name: len(vendor.books[name]) for name in ("referrals", "sales", "refunds")} == {
        "referrals": 1,
        "sales": 0 if action == "track_signup" else 1,
        "refunds": 1 if action == "track_refund" else 0,
    }


async def arm(vendor: Bench, switch: str, path: str) -> None:
    session = vendor.network.session(vendor.url)
    async with session.post(f"{vendor.url}/firstpromoter/_twin/{switch}", json={"path": path}) as answer:
        assert answer.status == 200


async def test_v2_sends_json_with_key_and_account(vendor_v2: Bench) -> None:
    await sign_up(vendor_v2)
    await vendor_v2.run("track_sale", **{**SALE, "mrr": 249900, "quantity": 2, "plan": "pp.1"})
    (call,) = vendor_v2.called("/api/v2/track/sale")
    assert loads(call["body"]) == {**SALE, "mrr": "249900", "quantity": 2, "plan": "pp.1"}
    assert call["headers"]["authorization"] == "Bearer fp_test_key"
    assert call["headers"]["account-id"] == "acc-1"


async def test_v2_wants_a_refunds_amount_as_text(vendor_v2: Bench) -> None:
    await sign_up(vendor_v2)
    await vendor_v2.run("track_refund", **REFUND)
    (call,) = vendor_v2.called("/track/refund")
    assert loads(call["body"])["amount"] == "249900"


async def test_v1_sends_a_form_with_its_own_key_header(vendor_v1: Bench) -> None:
    await sign_up(vendor_v1, created_at="2026-01-05T10:00:00Z")
    (call,) = vendor_v1.called("/api/v1/track/signup")
    assert call["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert call["headers"]["x-api-key"] == "fp_test_key"
    assert "authorization" not in call["headers"]
    assert "email=billing%40northwind.example" in call["body"]


async def test_v1_alone_is_given_the_cancellations_id_and_the_sales_date(vendor: Bench) -> None:
    await sign_up(vendor)
    await vendor.run("track_sale", **{**SALE, "created_at": "2026-01-05T10:00:00Z"})
    await vendor.run("track_cancellation", **CANCELLATION)
    sent = [call["body"] for path in ("/track/sale", "/track/cancellation") for call in vendor.called(path)]
    assert ["created_at" in sent[0], "event_id" in sent[1]] == [vendor.version == 1] * 2
