"""The declaration: addresses, the test on save, samples, flows and the twin's own switches."""

from __future__ import annotations

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from affluent.apps.firstpromoter.app import app
from affluent.apps.firstpromoter.schemas import Credentials
from affluent.apps.firstpromoter.tests.support import Bench
from affluent.catalog import load
from affluent.domain.flow import FlowDefinition
from affluent.domain.mapping import render
from affluent.sdk import AuthFailed, Misconfigured, RateLimited, Unavailable
from affluent.services.flows.checks import check_draft

FLOWS = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((app.folder / "flows").glob("*.yaml"))}


def credentials(**fields: str) -> Credentials:
    return Credentials.model_validate({"api_key": "k", **fields})


def test_an_account_id_decides_the_version_and_a_base_url_the_address() -> None:
    assert app.base_url(credentials(), "") == "https://firstpromoter.com/api/v1"
    assert app.base_url(credentials(account_id="a"), "") == "https://api.firstpromoter.com/api/v2"
    assert app.base_url(credentials(account_id="a", base_url="https://v2.firstpromoter.com/api/v2/"), "").endswith(
        ".com/api/v2"
    )


@pytest.mark.parametrize(
    "fields",
    [{"base_url": "ftp://x"}, {"base_url": "https://x/api/v2"}, {"base_url": "https://x/api/v1", "account_id": "a"}],
)
def test_a_base_url_that_cannot_be_right_is_refused_on_its_field(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        credentials(**fields)
    assert caught.value.errors()[0]["loc"] == ("base_url",)


async def test_the_test_on_save_says_what_works(vendor: Bench) -> None:
    said = await app.tester(vendor.context())
    assert f"API v{vendor.version}" in said
    assert vendor.twin.calls[0]["query"] == "per_page=1"


async def test_the_test_on_save_names_the_wrong_key(vendor: Bench) -> None:
    with pytest.raises(AuthFailed) as caught:
        await app.tester(
            vendor.context(credentials=vendor.credentials.model_copy(update={"api_key": SecretStr("wrong key")}))
        )
    assert (caught.value.field, type(caught.value)) == ("api_key", AuthFailed)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(404, "Not found", "text/html"), (200, "<html></html>", "text/html"), (302, "", "text/html")],
)
async def test_the_test_on_save_names_the_wrong_address(vendor: Bench, status: int, body: str, kind: str) -> None:
    vendor.twin.fail_next(status, body=body, content_type=kind)
    with pytest.raises(Misconfigured) as caught:
        await app.tester(vendor.context())
    assert caught.value.field == "base_url"


async def test_a_vendor_that_is_down_is_not_a_wrong_key(vendor: Bench) -> None:
    vendor.twin.fail_next(503)
    with pytest.raises(Unavailable):
        await app.tester(vendor.context())


@pytest.mark.parametrize("key", app.actions)
def test_every_sample_fits_its_action_whole(key: str) -> None:
    action = app.actions[key]
    sample = app.sample(action.sample)
    action.input.model_validate(sample["input"])
    assert set(action.output.model_validate(sample["output"]).model_dump(mode="json")) == set(sample["output"])


@pytest.mark.parametrize("key", app.actions)
def test_every_action_has_words_for_people_and_its_identities_in_the_output(key: str) -> None:
    action = app.actions[key]
    assert action.description.endswith(".")
    assert set(action.identifies.values()) <= set(action.output.model_fields)
    assert all(field.title and field.description for field in action.input.model_fields.values())


@pytest.mark.parametrize("name", FLOWS)
def test_every_flow_is_without_faults(name: str) -> None:
    assert FLOWS[name]["key"] == name
    assert [problem for problem in check_draft(FLOWS[name], load()) if problem.is_error] == []


PLANS = [
    {"promoter": "ada@partners.example", "price_plan": "for Ada"},
    {"promoter": "4102", "price_plan": "for Ben"},
    {"campaign": "Agencies", "price_plan": "for agencies"},
    {"campaign": "3", "price_plan": "for influencers"},
]


@pytest.mark.parametrize(
    ("sale", "plan"),
    [
        ({"promoter_id": 4101, "promoter_email": "ADA@partners.example", "campaign_id": 1}, "for Ada"),
        ({"promoter_id": 4102, "promoter_email": "ben@x", "campaign_id": 2, "campaign_name": "Agencies"}, "for Ben"),
        ({"promoter_id": 9, "campaign_id": 2, "campaign_name": "Agencies"}, "for agencies"),
        ({"promoter_id": 9, "campaign_id": 3, "campaign_name": "Influencers"}, "for influencers"),
        ({"promoter_id": 9, "campaign_id": 1, "campaign_name": "Partner program"}, "for all others"),
        ({"promoter_id": None, "promoter_email": None, "campaign_id": None}, "for all others"),
    ],
)
def test_the_price_plan_is_chosen_by_promoter_then_campaign_then_default(sale, plan: str) -> None:
    attach = next(
        step for step in FlowDefinition.model_validate(FLOWS["track_referral_sale"]).steps if step.id == "attach"
    )
    trigger = {"account": {"id": "ACC-1"}}
    data = {"trigger": trigger, "steps": {"sale": sale}, "inputs": {"plans": PLANS, "default_plan": "for all others"}}
    assert render(attach.inputs, data)["price_plan"] == plan


async def test_the_twin_refuses_more_calls_than_the_vendor_allows_in_a_minute(vendor_v2: Bench) -> None:
    vendor_v2.twin.requests_per_minute = 1
    results = [await tested(vendor_v2) for _ in range(3)]
    assert RateLimited in results


async def tested(vendor: Bench) -> type[Exception] | None:
    try:
        await app.tester(vendor.context())
    except RateLimited as error:
        return type(error)
    return None


async def test_the_twin_counts_real_doubles_only(vendor_v2: Bench) -> None:
    person = {"uid": "ACC-1", "email": "a@x.example"}
    await vendor_v2.run("track_signup", **person, tid="tid_000")
    await vendor_v2.run("track_sale", **person, event_id="inv.1", amount=100, currency="USD")
    for number in (1, 2):
        refund = {"event_id": f"r{number}", "sale_event_id": "inv.1", "amount": 60, "currency": "USD"}
        await vendor_v2.run("track_refund", **person, **refund)
    assert vendor_v2.books["duplicates"] == 1
    for _ in range(2):
        await vendor_v2.run("call_api", method="POST", path="/track/cancellation", body=person)
    assert vendor_v2.books["duplicates"] == 2
