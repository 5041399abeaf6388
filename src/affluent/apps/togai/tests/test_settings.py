"""Settings: Togai has no upsert, so one is made of a look, a write and what races leave."""

from __future__ import annotations

import pytest

from affluent.apps.togai.tests.small_togai import SmallTogai
from affluent.sdk import AlreadyApplied, Rejected, Unavailable
from tests.support.apps import Bench, Call, LocalVendor, Say

WANTED = {"entity_id": "ACC-1", "setting_id": "FirstPromoterLeadId", "value": "29203686"}
PLACE = ("ACCOUNT", "ACC-1", "FirstPromoterLeadId")


def held(value: str, kind: str = "ACCOUNT", entity: str = "ACC-1") -> dict[str, str]:
    """A setting in the books."""
    return {
        "id": "FirstPromoterLeadId", "value": value, "entityType": kind, "entityId": entity, "namespace": "USER",
        "name": "Lead", "dataType": "STRING",
    }  # fmt: skip


async def test_a_new_setting_is_created_with_all_that_togai_wants(desk: Bench, togai: SmallTogai) -> None:
    saved = await desk.run("save_setting", WANTED)
    assert togai.settings[PLACE] == {**held("29203686"), "name": "FirstPromoterLeadId"}
    assert (saved.found, saved.value, saved.entity_id) == (True, "29203686", "ACC-1")


async def test_a_setting_that_is_there_is_changed(desk: Bench, togai: SmallTogai, vendor: LocalVendor) -> None:
    togai.settings[PLACE] = held("1")
    await desk.run("save_setting", WANTED)
    assert togai.settings[PLACE] == held("29203686")
    assert vendor.asked()[-1] == "PATCH /settings/setting.USER.FirstPromoterLeadId.ACCOUNT.ACC-1"


async def test_the_same_value_again_writes_nothing(desk: Bench, togai: SmallTogai, vendor: LocalVendor) -> None:
    await desk.run("save_setting", WANTED)
    vendor.calls.clear()
    with pytest.raises(AlreadyApplied) as done:
        await desk.run("save_setting", WANTED)
    assert done.value.output.value == "29203686"
    assert {call.method for call in vendor.calls} == {"GET"}


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_who_loses_the_race_to_create_changes(
    desk: Bench, togai: SmallTogai, vendor: LocalVendor, status: int
) -> None:
    answer = vendor.answer

    def race(call: Call) -> Say:
        if call.method == "POST":
            togai.settings[PLACE] = held("from someone else")
            togai.taken_status = status
        return answer(call)

    vendor.answer = race
    saved = await desk.run("save_setting", WANTED)
    assert saved.value == togai.settings[PLACE]["value"] == "29203686"


async def test_who_finds_it_removed_creates(desk: Bench, togai: SmallTogai, vendor: LocalVendor) -> None:
    togai.settings[PLACE] = held("1")
    answer = vendor.answer

    def race(call: Call) -> Say:
        if call.method == "PATCH":
            togai.settings.clear()
        return answer(call)

    vendor.answer = race
    await desk.run("save_setting", WANTED)
    assert togai.settings[PLACE]["value"] == "29203686"


async def test_a_refusal_that_is_no_race_is_handed_on(desk: Bench, togai: SmallTogai) -> None:
    togai.instead["POST settings"] = Say(status=400, body={"message": "entityId is unknown"})
    with pytest.raises(Rejected, match="entityId is unknown"):
        await desk.run("save_setting", WANTED)


async def test_a_whole_number_is_saved_as_text(desk: Bench, togai: SmallTogai) -> None:
    await desk.run("save_setting", {**WANTED, "value": 29203686})
    assert togai.settings[PLACE]["value"] == "29203686"


async def test_a_setting_is_read(desk: Bench, togai: SmallTogai) -> None:
    togai.settings[PLACE] = held("7")
    found = await desk.run("get_setting", {"entity_id": "ACC-1", "setting_id": "FirstPromoterLeadId"})
    assert (found.found, found.value, found.entity_type) == (True, "7", "ACCOUNT")


async def test_an_accounts_missing_setting_is_taken_from_its_customer(desk: Bench, togai: SmallTogai) -> None:
    togai.settings["CUSTOMER", "CUS-1", "FirstPromoterLeadId"] = held("8", "CUSTOMER", "CUS-1")
    asked = {"entity_id": "ACC-1", "setting_id": "FirstPromoterLeadId", "customer_id": "CUS-1"}
    found = await desk.run("get_setting", asked)
    assert (found.value, found.entity_type, found.entity_id) == ("8", "CUSTOMER", "CUS-1")


async def test_a_setting_that_is_nowhere_is_not_an_error(desk: Bench) -> None:
    asked = {"entity_id": "ACC-1", "setting_id": "FirstPromoterTid", "customer_id": "CUS-1"}
    found = await desk.run("get_setting", asked)
    assert (found.found, found.value) == (False, None)


async def test_a_web_page_instead_of_settings_is_tried_again_and_leaves_the_connection_as_it_is(
    desk: Bench, togai: SmallTogai
) -> None:
    togai.instead["GET settings"] = Say(body="<html></html>")
    with pytest.raises(Unavailable, match="could not be read"):
        await desk.run("save_setting", WANTED)
