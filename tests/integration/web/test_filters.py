"""What lists can be filtered by."""

from __future__ import annotations

from tests.integration.web.browser import Browser


async def test_every_flow_can_be_chosen_in_activity(owner: Browser) -> None:
    flow = await owner.desk.flow()
    assert f'<option value="{flow}"' in (await owner.get("/activity")).text


async def test_every_noun_can_be_chosen_in_the_audit_log(owner: Browser) -> None:
    page = await owner.get("/admin/audit?noun=flow+version")
    assert '<option value="flow version" selected>Flow version</option>' in page.text
