"""Managing promoters, referrals, commissions and promo codes against the twin."""

from __future__ import annotations

import pytest

from affluent.apps.firstpromoter import batches
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.kit.jsons import loads
from affluent.sdk import AlreadyApplied, Misconfigured, NotApplicable, Rejected, Retry

PERSON = {"uid": "ACC-1", "email": "billing@northwind.example"}
ADA = 4101
V2_ONLY = {
    "accept_promoters": {"promoter_ids": [ADA], "campaign_id": 1},
    "create_referral": {"promoter_campaign_id": 7101, **PERSON},
    "move_referrals": {"referral_ids": [1], "promoter_campaign_id": 7102},
    "create_custom_commission": {"event_id": "b", "promoter_campaign_id": 7101, "amount": 5},
    "update_commission": {"commission_id": 1, "internal_note": "x"},
    "mark_commissions_fulfilled": {"commission_ids": [1]},
    "list_promo_codes": {},
    "get_promo_code": {"promo_code_id": 1},
    "create_promo_code": {"code": "A", "reward_id": 1, "promoter_campaign_id": 7101},
    "update_promo_code": {"promo_code_id": 1, "code": "B"},
    "archive_promo_code": {"promo_code_id": 1},
    "list_campaigns": {},
}


async def referred(vendor: Bench) -> int:
    tracked = await vendor.run("track_signup", **PERSON, tid="tid_000")
    return tracked.referral_id


async def test_a_promoter_is_created_and_found_by_every_name(vendor: Bench) -> None:
    made = await vendor.run(
        "create_promoter", email="edda@x.example", first_name="Edda", cust_id="ACC-9", campaign_id=2
    )
    assert (made.name, made.cust_id, made.campaign_id, made.state) == ("Edda", "ACC-9", 2, made.state)
    for wanted in (
        {"promoter_id": made.promoter_id},
        {"email": made.email},
        {"cust_id": "ACC-9"},
        {"ref_id": made.ref_id},
    ):
        assert (await vendor.run("get_promoter", **wanted)).promoter_id == made.promoter_id


async def test_a_promoter_that_waits_for_approval_is_accepted(vendor_v2: Bench) -> None:
    made = await vendor_v2.run("create_promoter", email="edda@x.example", approve=False)
    assert made.state == "pending"
    await vendor_v2.run("accept_promoters", promoter_ids=[made.promoter_id], campaign_id=1)
    assert (await vendor_v2.run("get_promoter", promoter_id=made.promoter_id)).state == "accepted"


async def test_a_promoter_whose_email_is_taken_counts_as_done_and_is_handed_back(vendor: Bench) -> None:
    with pytest.raises(AlreadyApplied) as caught:
        await vendor.run("create_promoter", email="ada@partners.example")
    assert caught.value.output.promoter_id == ADA


async def test_a_promoter_refused_for_other_reasons_is_parked(vendor_v2: Bench) -> None:
    with pytest.raises(Rejected, match="Campaign not found"):
        await vendor_v2.run("create_promoter", email="new@x.example", campaign_id=99)


async def test_a_lost_promoter_is_looked_up(vendor: Bench) -> None:
    assert await vendor.look_up("create_promoter", email="edda@x.example") is None
    await vendor.run("create_promoter", email="edda@x.example")
    assert (await vendor.look_up("create_promoter", email="edda@x.example")).email == "edda@x.example"


async def test_a_promoter_is_changed(vendor: Bench) -> None:
    changed = await vendor.run("update_promoter", promoter_id=ADA, cust_id="ACC-5", first_name="Adela")
    assert (changed.cust_id, changed.name) == ("ACC-5", "Adela Partner")


async def test_a_promoter_nobody_knows_is_a_normal_outcome(vendor: Bench) -> None:
    for wanted in ({"promoter_id": 1}, {"email": "nobody@x.example"}):
        with pytest.raises(NotApplicable):
            await vendor.run("get_promoter", **wanted)


async def test_a_promoter_search_needs_a_name(vendor: Bench) -> None:
    with pytest.raises(Rejected):
        await vendor.run("get_promoter")


async def test_tokens_of_a_legacy_promoter_are_not_in_the_output(vendor_v1: Bench) -> None:
    found = await vendor_v1.run("get_promoter", promoter_id=ADA)
    assert "auth-token-of" not in found.model_dump_json()


@pytest.mark.parametrize(("action", "state"), [("reject_promoters", "rejected"), ("block_promoters", "blocked")])
async def test_promoters_are_refused_and_blocked_in_a_campaign(vendor_v2: Bench, action: str, state: str) -> None:
    await vendor_v2.run(action, promoter_ids=[ADA], campaign_id=1)
    assert (await vendor_v2.run("get_promoter", promoter_id=ADA)).state == state


async def test_an_archived_promoter_earns_nothing_until_restored(vendor_v2: Bench) -> None:
    await referred(vendor_v2)
    sale = {**PERSON, "event_id": "inv.1", "amount": 100, "currency": "USD"}
    await vendor_v2.run("archive_promoters", promoter_ids=[ADA])
    with pytest.raises(NotApplicable):
        await vendor_v2.run("track_sale", **sale)
    await vendor_v2.run("restore_promoters", promoter_ids=[ADA])
    assert (await vendor_v2.run("track_sale", **sale)).promoter_id == ADA


async def test_promoters_join_and_change_campaigns_and_get_a_parent(vendor_v2: Bench) -> None:
    await vendor_v2.run("add_promoters_to_campaign", promoter_ids=[ADA], campaign_id=2)
    await vendor_v2.run("move_promoters", promoter_ids=[ADA], from_campaign_id=1, to_campaign_id=3)
    await vendor_v2.run("assign_parent", promoter_ids=[ADA], parent_promoter_id=4102)
    found = await vendor_v2.run("get_promoter", promoter_id=ADA)
    assert sorted(item.campaign_id for item in found.campaigns) == [2, 3]
    assert vendor_v2.twin.ledger.promoters[ADA].parent_id == 4102


async def test_the_legacy_api_adds_moves_and_deletes_one_by_one(vendor_v1: Bench) -> None:
    await vendor_v1.run("add_promoters_to_campaign", promoter_ids=[ADA, 4102], campaign_id=2)
    await vendor_v1.run("move_promoters", promoter_ids=[ADA], from_campaign_id=1, to_campaign_id=3)
    found = await vendor_v1.run("get_promoter", promoter_id=ADA)
    assert sorted(item.campaign_id for item in found.campaigns) == [2, 3]
    move = {"promoter_ids": [ADA], "from_campaign_id": 3, "to_campaign_id": 1, "move_referrals": False}
    with pytest.raises(Rejected) as caught:
        await vendor_v1.run("move_promoters", **move)
    assert caught.value.field == "move_referrals"
    number = await referred(vendor_v1)
    assert (await vendor_v1.run("delete_referrals", referral_ids=[number])).processed == 1
    assert vendor_v1.books["referrals"] == []


async def test_a_sign_in_is_renewed_and_its_token_handed_to_nobody(vendor_v1: Bench, vendor_v2: Bench) -> None:
    renewed = await vendor_v1.run("renew_sign_in", promoter_id=ADA)
    assert renewed.model_dump() == {"promoter_id": ADA}
    with pytest.raises(Rejected, match="Only API v1"):
        await vendor_v2.run("renew_sign_in", promoter_id=ADA)


async def test_many_ids_are_sent_in_groups_that_are_done_at_once(vendor_v2: Bench) -> None:
    made = [(await vendor_v2.run("create_promoter", email=f"p{number}@x.example")).promoter_id for number in range(7)]
    done = await vendor_v2.run("archive_promoters", promoter_ids=made)
    assert [len(loads(call["body"])["ids"]) for call in vendor_v2.called("/archive")] == [5, 2]
    assert done.processed == 7


async def test_a_batch_that_is_done_later_is_waited_for(vendor_v2: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(batches, "AT_ONCE", 100)
    made = [(await vendor_v2.run("create_promoter", email=f"p{number}@x.example")).promoter_id for number in range(6)]
    assert (await vendor_v2.run("archive_promoters", promoter_ids=made)).processed == 6


async def test_a_batch_that_does_not_end_is_asked_for_again_later(
    vendor_v2: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_PAUSE_SECONDS", 0)
    body = '{"id":1,"status":"in_progress"}'
    vendor_v2.twin.fail_next(200, times=20, body=body, content_type="application/json")
    with pytest.raises(Retry):
        await vendor_v2.run("archive_promoters", promoter_ids=[ADA])


async def test_a_batch_that_changed_nothing_says_so(vendor_v2: Bench) -> None:
    body = '{"id":1,"status":"completed","processed_count":0,"failed_count":0}'
    vendor_v2.twin.fail_next(200, body=body, content_type="application/json")
    assert (await vendor_v2.run("archive_promoters", promoter_ids=[ADA])).processed == 0


async def test_a_batch_in_which_one_failed_is_parked_with_the_reason(vendor_v2: Bench) -> None:
    with pytest.raises(Rejected, match="1 of 2: 9 cannot be changed"):
        await vendor_v2.run("archive_promoters", promoter_ids=[ADA, 9])


async def test_a_referral_is_found_by_uid_email_and_number(vendor: Bench) -> None:
    number = await referred(vendor)
    for wanted in (
        {"uid": "ACC-1"},
        {"email": PERSON["email"]},
        {"referral_id": number},
        {"uid": "unknown", "email": PERSON["email"]},
    ):
        found = await vendor.run("find_referral", **wanted)
        assert (found.referral_id, found.promoter_id, found.campaign_name) == (number, ADA, "Partner program")


@pytest.mark.parametrize("value", ["a+b@x.example", "o'neil/ü@x.example", "a b@x.example", "100%@x.example"])
async def test_a_referral_is_found_by_an_unusual_email(vendor: Bench, value: str) -> None:
    await vendor.run("track_signup", uid="ACC-1", email=value, tid="tid_000")
    assert (await vendor.run("find_referral", email=value)).uid == "ACC-1"


async def test_an_unknown_referral_is_a_normal_outcome(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("find_referral", **PERSON)


async def test_a_referral_search_answered_by_a_page_is_a_wrong_address(vendor: Bench) -> None:
    vendor.twin.fail_next(404, body="<html></html>", content_type="text/html")
    with pytest.raises(Misconfigured):
        await vendor.run("find_referral", **PERSON)


async def test_a_referral_search_needs_a_name(vendor: Bench) -> None:
    with pytest.raises(Rejected):
        await vendor.run("find_referral")


async def test_a_changed_email_is_told_and_found(vendor: Bench) -> None:
    await referred(vendor)
    changed = await vendor.run("update_referral", uid="ACC-1", new_email="new@northwind.example")
    assert changed.email == "new@northwind.example"
    assert (await vendor.run("find_referral", email="new@northwind.example")).uid == "ACC-1"


async def test_changing_an_unknown_referral_is_a_normal_outcome(vendor: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor.run("update_referral", uid="ACC-1", new_email="new@x.example")


async def test_a_referral_made_by_hand_is_looked_up_with_its_promoter(vendor_v2: Bench) -> None:
    wanted = {"promoter_campaign_id": 7102, **PERSON}
    assert await vendor_v2.look_up("create_referral", **wanted) is None
    made = await vendor_v2.run("create_referral", **wanted)
    assert (await vendor_v2.look_up("create_referral", **wanted)).referral_id == made.referral_id
    assert await vendor_v2.look_up("create_referral", **{**wanted, "promoter_campaign_id": 7101}) is None
    with pytest.raises(Rejected, match="taken"):
        await vendor_v2.run("create_referral", **wanted)


async def test_referrals_are_moved_with_their_commissions_and_removed(vendor_v2: Bench) -> None:
    number = await referred(vendor_v2)
    await vendor_v2.run("track_sale", **PERSON, event_id="inv.1", amount=100, currency="USD")
    await vendor_v2.run("move_referrals", referral_ids=[number], promoter_campaign_id=7102, move_commissions=True)
    assert (await vendor_v2.run("find_referral", uid="ACC-1")).promoter_id == 4102
    assert vendor_v2.books["commissions"][0]["promoter_id"] == 4102
    await vendor_v2.run("delete_referrals", referral_ids=[number])
    assert vendor_v2.books["referrals"] == []


async def test_lists_are_read_page_by_page(vendor_v2: Bench) -> None:
    for number in range(5):
        await vendor_v2.run("track_signup", uid=f"ACC-{number}", tid="tid_000")
    seen, page = [], 1
    while page:
        found = await vendor_v2.run("list_referrals", page=page, per_page=2)
        seen += [item.uid for item in found.referrals]
        page = found.next_page
    assert seen == [f"ACC-{number}" for number in range(5)]


async def test_lists_are_filtered(vendor: Bench) -> None:
    await referred(vendor)
    await vendor.run("track_signup", uid="ACC-2", email="two@x.example", tid="tid_001")
    await vendor.run("track_sale", **PERSON, event_id="inv.1", amount=100, currency="USD")
    assert [item.uid for item in (await vendor.run("list_referrals", promoter_id=4102)).referrals] == ["ACC-2"]
    assert [item.event_id for item in (await vendor.run("list_commissions", promoter_id=ADA)).commissions] == ["inv.1"]
    assert (await vendor.run("list_commissions", promoter_id=4102)).commissions == []
    assert {item.campaign_id for item in (await vendor.run("list_promoters", campaign_id=2)).promoters} == {2}


async def test_v2_lists_know_states_types_and_days(vendor_v2: Bench) -> None:
    await referred(vendor_v2)
    assert len((await vendor_v2.run("list_referrals", state="signup", type="lead")).referrals) == 1
    assert (await vendor_v2.run("list_referrals", type="customer")).referrals == []
    assert (await vendor_v2.run("list_referrals", created_to="2020-01-01")).referrals == []
    assert len((await vendor_v2.run("list_referrals", created_from="2020-01-01")).referrals) == 1


async def test_a_commission_for_a_past_sale_is_created_once(vendor_v2: Bench) -> None:
    await referred(vendor_v2)
    wanted = {
        "event_id": "inv.0",
        "uid": "ACC-1",
        "sale_amount": 1000,
        "event_date": "2025-12-01",
        "billing_period": "yearly",
    }
    made = await vendor_v2.run("create_sale_commission", **wanted)
    assert (made.amount, made.created_at, made.promoter_id) == (200, "2025-12-01T00:00:00.000Z", ADA)
    assert (await vendor_v2.look_up("create_sale_commission", **wanted)).commission_id == made.commission_id
    with pytest.raises(AlreadyApplied):
        await vendor_v2.run("create_sale_commission", **wanted)
    assert len(vendor_v2.books["commissions"]) == 1


async def test_a_commission_for_a_customer_nobody_referred_is_a_normal_outcome(vendor_v2: Bench) -> None:
    with pytest.raises(NotApplicable, match=r"^Not referred"):
        await vendor_v2.run("create_sale_commission", event_id="inv.0", uid="ACC-1", sale_amount=1000)


async def test_a_bonus_is_noted_and_fulfilled(vendor_v2: Bench) -> None:
    bonus = await vendor_v2.run(
        "create_custom_commission", event_id="b", promoter_campaign_id=7101, amount=50, unit="credits"
    )
    await vendor_v2.run("update_commission", commission_id=bonus.commission_id, internal_note="checked")
    await vendor_v2.run("mark_commissions_fulfilled", commission_ids=[bonus.commission_id])
    assert len((await vendor_v2.run("list_commissions", fulfilled="yes")).commissions) == 1
    await vendor_v2.run("mark_commissions_unfulfilled", commission_ids=[bonus.commission_id])
    assert (await vendor_v2.run("list_commissions", fulfilled="yes")).commissions == []
    assert vendor_v2.twin.ledger.commissions[bonus.commission_id].internal_note == "checked"


async def test_commissions_are_approved_and_denied(vendor: Bench) -> None:
    await vendor.run("track_signup", **PERSON, ref_id="deniz")
    sale = await vendor.run("track_sale", **PERSON, event_id="inv.1", amount=100, currency="USD")
    assert sale.commission_status == "pending"
    await vendor.run("approve_commissions", commission_ids=[sale.commission_id])
    assert vendor.books["commissions"][0]["status"] == "approved"
    await vendor.run("deny_commissions", commission_ids=[sale.commission_id])
    assert vendor.books["commissions"][0]["status"] == "denied"


async def test_a_promo_code_lives_and_is_archived(vendor_v2: Bench) -> None:
    wanted = {"code": "ADA20", "reward_id": 3, "promoter_campaign_id": 7101}
    assert await vendor_v2.look_up("create_promo_code", **wanted) is None
    made = await vendor_v2.run("create_promo_code", **wanted)
    assert (await vendor_v2.look_up("create_promo_code", **wanted)).promo_code_id == made.promo_code_id
    await vendor_v2.run("update_promo_code", promo_code_id=made.promo_code_id, description="Spring")
    assert (await vendor_v2.run("get_promo_code", promo_code_id=made.promo_code_id)).description == "Spring"
    assert [item.code for item in (await vendor_v2.run("list_promo_codes", promoter_campaign_id=7101)).promo_codes] == [
        "ADA20"
    ]
    await vendor_v2.run("archive_promo_code", promo_code_id=made.promo_code_id)
    assert (await vendor_v2.run("get_promo_code", promo_code_id=made.promo_code_id)).archived_at is not None
    with pytest.raises(NotApplicable):
        await vendor_v2.run("archive_promo_code", promo_code_id=1)


async def test_campaigns_are_listed_by_name(vendor_v2: Bench) -> None:
    found = await vendor_v2.run("list_campaigns")
    assert [(item.campaign_id, item.is_default) for item in found.campaigns] == [(1, True), (2, False), (3, False)]


@pytest.mark.parametrize("action", V2_ONLY)
async def test_what_the_legacy_api_lacks_says_what_to_do(vendor_v1: Bench, action: str) -> None:
    with pytest.raises(Rejected, match="needs API v2: add the Account ID"):
        await vendor_v1.run(action, **V2_ONLY[action])
    assert vendor_v1.called("/create") == []


async def test_any_other_address_can_be_called(vendor: Bench) -> None:
    path = "/company/campaigns" if vendor.version == 2 else "/promoters/list"
    answer = await vendor.run("call_api", path=path, query={"per_page": "1"})
    assert (answer.status, len(answer.body)) == (200, 1)
    write = {2: ("POST", "/track/signup"), 1: ("POST", "/track/signup")}[vendor.version]
    answer = await vendor.run("call_api", method=write[0], path=write[1], body={"uid": "ACC-1", "tid": "tid_000"})
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/../admin", "/company/../../x"])
async def test_a_raw_call_does_not_step_out_of_the_api(vendor: Bench, path: str) -> None:
    with pytest.raises(Rejected, match=r"\.\."):
        await vendor.run("call_api", path=path)
    assert vendor.twin.calls == []
