"""Whatever comes in, the answer is a plain refusal that names the field: never a defect of ours."""

from __future__ import annotations

import json
import random

import pytest

from tests.support.workspace import ACCOUNT, CUSTOMER, PERIOD, payment

SETTING = {"id": "Tier", "value": "x", "namespace": "USER", "name": "Tier", "dataType": "STRING"}
EDIT = {"mode": "ASSOCIATE", "pricePlanId": "pp.x", "effectiveFrom": "2026-07-01", "effectiveUntil": "9999-01-01"}
LINE = {"description": "Growth", "value": 10, "quantity": None}
CREDIT = {"accountId": "ACC-1", "purpose": "REWARD", "priority": 1, "creditAmount": 5, "effectiveFrom": "2026-01-01"}
CYCLE = {"interval": "MONTHLY", "gracePeriod": 3, "startOffset": {"dayOffset": "1", "monthOffset": "NIL"}}
PLAN = {"name": "Growth", "pricePlanDetails": {"supportedCurrencies": ["USD"], "pricingCycleConfig": CYCLE}}
CALLS = [
    ("POST", "/customers", {**CUSTOMER, "settings": [SETTING], "account": {**ACCOUNT, "aliases": ["abc"]}}),
    ("PATCH", "/customers/CUS-1", {"name": "Other", "primaryEmail": "a@b.co", "address": {"country": "DE"}}),
    ("POST", "/customers/CUS-1/contacts", {"name": "Ada", "email": "a@b.co", "phone": "1", "verified": True}),
    ("POST", "/accounts", {**ACCOUNT, "customerId": "CUS-1", "metadata": {"a": "b"}, "tags": ["x"]}),
    ("PATCH", "/accounts/ACC-1", {"name": "Other", "netTermDays": 3, "metadata": {"a": "b"}, "tags": ["x"]}),
    ("POST", "/accounts/ACC-1/add_aliases", {"aliases": ["abc"], "accountAliases": [{"value": "abcd"}]}),
    ("POST", "/accounts/ACC-1/remove_aliases", {"aliases": ["abc"], "accountAliases": [{"id": "x", "from": None}]}),
    ("POST", "/settings", {**SETTING, "entityType": "ACCOUNT", "entityId": "ACC-1"}),
    ("PATCH", "/settings/setting.USER.Tier.ACCOUNT.ACC-1", {"value": "y"}),
    ("POST", "/price_plans", PLAN),
    ("PATCH", "/price_plans/pp.x", {"description": "x", "pricePlanDetails": {"usageRateCards": [{}]}}),
    ("POST", "/price_plans/pp.x/activate", {"currencies": ["USD"]}),
    ("POST", "/accounts/ACC-1/price_plans", {**EDIT, "preActions": []}),
    ("POST", "/accounts/ACC-1/edit_schedules", {"edits": [EDIT]}),
    ("POST", "/v2/accounts/ACC-1/edit_schedules", {"edits": [{k: EDIT[k] for k in list(EDIT) if k != "pricePlanId"}]}),
    ("POST", "/accounts/ACC-1/purchases", {"type": "ASSOCIATION", "pricePlanId": "pp.x", "idempotencyKey": "k"}),
    (
        "POST",
        "/invoices",
        {"accountId": "ACC-1", **PERIOD, "status": "DUE", "lineItems": [LINE], "idempotencyKey": "k"},
    ),
    ("PATCH", "/invoices/inv.x", {"status": "PAID", "lineItems": [LINE]}),
    ("POST", "/payments", payment("inv.x", 10, notes="x")),
    ("POST", "/credits", {"creditRequests": [CREDIT]}),
]
QUERIES = [
    "/customers?pageSize=",
    "/customers?nextToken=",
    "/accounts?status=",
    "/accounts?customer_id=",
    "/settings?entity_id=",
    "/invoices?owner_id=",
    "/invoices?start_time=",
    "/payments?account_id=",
    "/credits?status=",
    "/price_plans?type=",
    "/price_plans/pp.x?version=",
    "/accounts/ACC-1/pricing_schedules?start_date=",
]
WEIRD = [
    None, True, False, 0, -1, 1.5, 1e300, -0.0, 10**30, 2**63, "", " ", "x" * 60, "x" * 5000, "é\u202e", "a/b", ".", "\n",
    "2026-02-30", "9999-12-31T23:59:59-14:00", "0001-01-01", "1e5", "nan", "Infinity", [], {}, [[]], [None], {"a": None}, [1, 2],
]  # fmt: skip


def _mutated(value, chance):
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        changed = {**value, key: _mutated(value[key], chance)}
        if chance.random() < 0.15:
            del changed[key]
        if chance.random() < 0.1:
            changed[chance.choice(["extra", "id", ""])] = chance.choice(WEIRD)
        return changed
    if isinstance(value, list) and value and chance.random() < 0.7:
        return [_mutated(value[0], chance), *value[1:]] * chance.choice([1, 1, 2, 60])
    return chance.choice(WEIRD)


@pytest.mark.parametrize("seed", range(3))
async def test_odd_bodies_are_never_a_defect(workspace, seed):
    await workspace.customer()
    chance = random.Random(seed)
    for method, path, body in CALLS * 12:
        mutated = _mutated(body, chance)
        answer = await workspace(method, path, mutated)
        assert answer.status < 500, (method, path, mutated)
        assert answer.status < 300 or 0 < len(answer.message) <= 500


async def test_odd_addresses_are_never_a_defect(workspace):
    await workspace.customer()
    texts = ["1", "0", "-1", "9" * 40, "1e3", "x" * 3000, "%00", "%", "%F0%9F", "'", "é", "2026-13-01", "eyJhIjoxfQ"]
    for query in QUERIES:
        for text in texts:
            answer = await workspace("GET", query + text)
            assert answer.status < 500, (query, text)
    for part in ("%00", "x" * 3000, "'", "\ud7ff", ".."):
        assert (await workspace("GET", f"/customers/{part}")).status in (400, 404)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "Send a JSON object."),
        (b"{", "The body is not JSON"),
        (b"[]", "The body must be a JSON object."),
        (b'{"id": NaN}', "The body is not JSON"),
        (b'{"id": "\\ud800"}', "The body is not JSON"),
        (b'{"id": "\\u0000"}', "U+0000"),
        (b'{"id": ' + b"[" * 5000 + b"]" * 5000 + b"}", "The body is not JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", "The body is not JSON"),
        (b'{"id": "\xff"}', "The body is not JSON"),
    ],
)
async def test_a_body_that_is_no_object_is_refused(desk, raw, said):
    answer = await desk("POST", "/customers", raw=raw)
    assert (answer.status, said in answer.message) == (400, True)


async def test_a_body_that_is_too_large_is_refused(desk):
    answer = await desk("POST", "/customers", raw=b" " * 1_000_001)
    assert (answer.status, answer.message) == (413, "The body is larger than 1000000 bytes.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "x" * 51}, "id: Must have at most 50 characters."),
        ({"id": ""}, "id: Must have at least 1 characters."),
        ({"id": "a/b"}, "id: Must have no slash"),
        ({"id": 7}, "id: Must be text."),
        ({"name": "ab"}, "name: Must have at least 3 characters."),
        ({"primaryEmail": "nobody"}, "primaryEmail: Must be an e-mail address"),
        ({"address": None}, "address: Must be an object."),
        ({"address": {"country": "Germany"}}, "address.country: Must be a country code of two letters"),
        ({"colour": "red"}, "colour: There is no such field."),
        ({"account": {"id": "ACC-1", "name": "Company", "invoiceCurrency": "ZZZ"}}, "account.invoiceCurrency: 'ZZZ'"),
        ({"settings": [SETTING] * 11}, "settings: Must have at most 10 entries."),
        ({"settings": [SETTING] * 2}, "settings: The same setting is given twice."),
    ],
)
async def test_a_refusal_names_the_field(desk, change, said):
    status, message = await desk.refused("POST", "/customers", {**CUSTOMER, **change})
    assert status == 400
    assert said in message


async def test_every_field_to_blame_is_named(desk):
    message = (await desk.refused("POST", "/customers", {"name": 5}))[1]
    assert [name for name in ("id", "name", "primaryEmail", "address") if f"{name}: " in message] == [
        "id",
        "name",
        "primaryEmail",
        "address",
    ]


@pytest.mark.parametrize("size", ["0", "101", "-5", "ten", "1.5"])
async def test_a_page_has_a_size_that_is_possible(desk, size):
    assert await desk.refused("GET", f"/customers?pageSize={size}") == (
        400,
        "pageSize: Must be a whole number from 1 to 100.",
    )


async def test_what_is_not_there_is_said_in_the_dialect(desk):
    assert await desk.refused("GET", "/wallets") == (404, "There is nothing at /wallets.")
    assert (await desk.refused("PUT", "/customers"))[0] == 405


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/customers", "customers:read"),
        ("POST", "/accounts", "accounts:write"),
        ("PATCH", "/settings/x", "settings:write"),
        ("DELETE", "/price_plans/x", "price_plans:write"),
        ("PATCH", "/invoices/x", "invoices:write"),
        ("POST", "/payments", "payments:write"),
        ("GET", "/accounts/x/credit_balance", "credits:read"),
    ],
)
async def test_a_missing_scope_is_named_before_anything_is_read(desk, method, path, scope):
    token = await desk.tokens.generate(name="Runs only", scopes=["runs:write"])
    answer = await desk(method, path, raw=b"{", secret=token.secret)
    assert (answer.status, answer.message) == (403, f"This token lacks the scope {scope}.")


async def test_a_caller_without_a_known_token_is_turned_away(desk):
    assert (await desk("GET", "/customers", secret="aff_unknown")).status == 401
    assert "Authorization: Bearer" in (await desk("POST", "/authenticate", secret="")).message
    assert (await desk("POST", "/authenticate", secret="aff_unknown")).status == 401


async def test_a_large_number_is_kept_to_the_digit(desk):
    await desk.customer()
    body = json.dumps(
        {"accountId": "ACC-1", **PERIOD, "status": "DUE", "lineItems": [{"description": "x", "value": 1}]}
    )
    exact = body.replace('"value": 1', '"value": 999999999999.99').encode()
    assert b'"totalAmount":999999999999.99' in (await desk("POST", "/invoices", raw=exact)).body
    beyond = body.replace('"value": 1', '"value": 1000000000000.01').encode()
    assert "at most 12 digits" in (await desk("POST", "/invoices", raw=beyond)).message
