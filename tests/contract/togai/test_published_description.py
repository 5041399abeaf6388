"""The vendor's published description, where it is at hand: our answers keep to it, apart from its known defects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from affluent.kit import clock
from tests.support.lazily import Lazy
from tests.support.workspace import ACCOUNT, CUSTOMER, Workspace, payment, workspace

validation = Lazy("openapi_schema_validator")
DESCRIPTION = Path(__file__).parents[4] / "shared" / "contracts" / "togai" / "openapi.yaml"
NOT_HERE = (
    "event_schema", "usage_meters", "addons", "features", "invoice_groups", "revenue_calculator", "jobs", "files", "portal",
    "ingest", "ingestBatch", "events", "metrics", "license_updates", "named_license_updates", "entitled", "purchase_proposals",
    "aliases", "invoice",
)  # fmt: skip
"""Parts of the vendor's product that the workspace does not have, by the first word of the path."""
NOT_HERE_EITHER = (
    "purchase_proposals", "features", "entitlements", "bill_runs", "miscellaneous_charges", "wallet", "wallet_topup",
    "currencies", "migration",
)  # fmt: skip
"""The same, by another word of the path."""

pytestmark = pytest.mark.skipif(not DESCRIPTION.exists(), reason="the vendor's description is not at hand")


@pytest.fixture(scope="module")
def description() -> Any:
    return yaml.safe_load(DESCRIPTION.read_text())


def _problems(description: Any, name: str, answer: Any) -> list[str]:
    """What the schema of this name has against an answer."""
    resource = Resource(contents=description, specification=DRAFT4)
    validator = validation.OAS30Validator(
        {"$ref": f"urn:togai#/components/schemas/{name}"}, registry=Registry().with_resource("urn:togai", resource)
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


async def _answers(desk: Workspace) -> dict[str, Any]:
    """One answer for each schema that can be satisfied, from a small story."""
    setting = {"id": "Tier", "value": "gold", "namespace": "USER", "name": "Tier", "dataType": "STRING"}
    body = {**CUSTOMER, "account": {**ACCOUNT, "aliases": ["northwind"]}, "settings": [setting]}
    customer = await desk.done("POST", "/customers", body)
    contact = {"name": "Ada", "email": "ada@northwind.example"}
    plan, day = await desk.plan(), clock.now().date().isoformat()
    edit = {"mode": "ASSOCIATE", "pricePlanId": plan, "effectiveFrom": day, "effectiveUntil": "9999-01-01"}
    invoice = await desk.invoice(10)
    paid = await desk.done("POST", "/payments", payment(invoice["id"], 10))
    purchase = {"type": "ASSOCIATION", "pricePlanId": plan, "idempotencyKey": "k"}
    return {
        "CreateCustomerResponse": customer,
        "Customer": await desk.done("GET", "/customers/CUS-1"),
        "CreateCustomerContactResponse": await desk.done("POST", "/customers/CUS-1/contacts", contact),
        "Setting": await desk.done("GET", "/settings/setting.USER.Tier.CUSTOMER.CUS-1"),
        "AccountAlias": (await desk.done("GET", "/accounts/ACC-1/account_aliases"))["data"][0],
        "PricePlan": await desk.done("GET", f"/price_plans/{plan}"),
        "PricePlanListData": (await desk.done("GET", "/price_plans"))["data"][0],
        "UpdatePricingScheduleResponse": await desk.done("POST", "/accounts/ACC-1/price_plans", edit),
        "Purchase": await desk.done("POST", "/accounts/ACC-1/purchases", purchase),
        "Invoice": await desk.done("GET", f"/invoices/{invoice['id']}"),
        "InvoiceSummary": (await desk.done("GET", "/invoices"))["data"][0],
        "Payment": paid,
        "CreditBalanceResponse": await desk.done("GET", "/accounts/ACC-1/credit_balance"),
        "BaseSuccessResponse": await desk.done("DELETE", "/accounts/ACC-1"),
        "TokenResponse": await desk.done("POST", "/authenticate"),
        "ErrorResponse": (await desk("GET", "/customers/none")).json,
    }


async def test_answers_keep_to_the_schemas_that_can_be_kept(description, tmp_path):
    async with workspace(f"sqlite:///{tmp_path / 'workspace.db'}") as desk:
        answers = await _answers(desk)
    found = {name: _problems(description, name, answer) for name, answer in answers.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


async def test_every_call_of_the_parts_that_we_have_is_there(description, tmp_path):
    async with workspace(f"sqlite:///{tmp_path / 'workspace.db'}") as desk:
        missing = []
        for path, calls in description["paths"].items():
            words = path.strip("/").split("/")
            if words[0] in NOT_HERE or set(words[1:]) & set(NOT_HERE_EITHER) or "pricing_rules" in words:
                continue
            for method in set(calls) & {"get", "post", "patch", "put", "delete"}:
                answer = await desk(method.upper(), path.replace("{", "").replace("}", ""), raw=b"{}")
                if answer.status == 405 or (answer.status == 404 and "nothing at" in answer.message):
                    missing.append(f"{method} {path}")
    assert missing == []
