"""The REST API, called in process over real services."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from affluent.api.v1 import application, examples
from affluent.domain import event
from affluent.kit import clock
from affluent.kit.actor import Actor, acting
from affluent.services.connections import views as connection_views
from affluent.services.directory import identities
from affluent.services.flows import flow_connection_views
from affluent.services.flows import problems as flow_problems
from affluent.services.flows import views as flow_views
from affluent.services.identity import tokens
from affluent.services.inbound import background_jobs as duties
from affluent.services.runs import events
from affluent.services.runs import service as runs
from affluent.services.runs import views as run_views
from affluent.store.database import StoreUnavailable
from tests.integration.api.client import LARGEST, Client, client
from tests.integration.services.desk import outbound

PAID = {"id": "INV-7", "net": "12.34", "currency": "USD", "account": {"id": "ACC-7"}}


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path / 'a.db'}"


def is_problem(answer, status, **expected):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json
    assert document["status"] == status
    assert document["detail"]
    assert "Traceback" not in answer.body.decode()
    assert {name: document[name] for name in expected} == expected
    return document


async def test_a_flow_is_connected_triggered_inspected_and_cancelled(database_url):
    async with client(database_url) as call:
        shop = (
            await call(
                "POST",
                "/connections",
                {"app": "shop", "name": "S", "fields": {"key": "good-shop-key", "base_url": call.desk.url}},
            )
        ).json
        billing = (
            await call("POST", "/connections", {"app": "togai", "name": "B", "fields": {"secret": "x-secret"}})
        ).json
        flow = await call("POST", "/flows", {"definition": outbound(), "publish": True})
        assert (flow.status, flow.headers["location"]) == (201, f"flows/{flow.json['flow']['id']}")
        bindings = {"trigger": billing["id"], "order": shop["id"], "attach": billing["id"]}
        made = await call(
            "POST", "/flow-connections", {"flow_id": flow.json["flow"]["id"], "name": "Live", "bindings": bindings}
        )
        assert made.status == 201
        link = made.json["flow_connection"]["id"]
        accepted = await call("POST", f"/flow-connections/{link}/trigger", {"payload": PAID})
        assert accepted.status == 202
        (run_id,) = accepted.json["run_ids"]
        run = (await call("GET", f"/runs/{run_id}")).json
        assert (run["run"]["state"], run["run"]["money"]) == ("queued", {"minor_units": 1234, "currency": "USD"})
        event_id = accepted.json["event_id"]
        assert (await call("GET", f"/events/{event_id}")).json["payload"] == PAID
        assert [item["id"] for item in (await call("GET", "/events?type=invoice.paid")).json["items"]] == [event_id]
        assert [
            item["id"] for item in (await call("GET", f"/runs?flow_connection_id={link}&states=queued")).json["items"]
        ] == [run_id]
        preview = (
            await call(
                "POST", f"/flows/{flow.json['flow']['id']}/preview", {"event_id": event_id, "bindings": bindings}
            )
        ).json
        assert preview["steps"][0]["request"]["request"]["body"]["amount"] == 1234
        assert (await call("POST", f"/runs/{run_id}/cancel")).json["state"] == "cancelled"
        is_problem(await call("POST", f"/runs/{run_id}/cancel"), 409, code="conflict")
        assert (await call("POST", f"/runs/{run_id}/replay")).status == 201
        assert (await call("POST", "/runs/forecast", {"action": "cancel", "runs": {}})).json["runs"] == 1
        is_problem(await call("POST", "/runs/bulk", {"action": "cancel", "runs": {}}), 422, field="everything")
        assert (await call("POST", "/runs/bulk", {"action": "cancel", "runs": {}, "everything": True})).json == {
            "count": 1
        }
        assert (await call("DELETE", f"/flow-connections/{link}")).status == 204
        assert (await call("DELETE", f"/connections/{shop['id']}")).status == 204


async def test_a_draft_is_saved_checked_compared_published_and_restored(database_url):
    async with client(database_url) as call:
        flow_id = (await call("POST", "/flows", {"definition": {"name": "Just begun"}})).json["flow"]["id"]
        assert (await call("PUT", f"/flows/{flow_id}/draft", {"definition": outbound(name="x")})).status == 200
        found = (await call("POST", "/flows/validate", {"definition": outbound(name="x")})).json["items"]
        assert [(item["field"], item["is_error"]) for item in found] == [("name", True)]
        is_problem(await call("POST", f"/flows/{flow_id}/publish"), 422, field="name")
        await call("PUT", f"/flows/{flow_id}/draft", {"definition": outbound()})
        published = (await call("POST", f"/flows/{flow_id}/publish", {"note": "Go."})).json
        assert published["flow"]["versions"][0]["author"] == "All"
        await call("PUT", f"/flows/{flow_id}/draft", {"definition": outbound(description="Why.")})
        assert (await call("GET", f"/flows/{flow_id}/draft/changes")).json["items"] == ["Description added: “Why.”."]
        assert (await call("DELETE", f"/flows/{flow_id}/draft")).json["draft"] is None
        assert (await call("POST", f"/flows/{flow_id}/versions/1/restore")).json["draft"]["name"] == "Order on payment"
        assert (await call("GET", f"/flows/{flow_id}/versions/1")).json["name"] == "Order on payment"
        assert (await call("POST", f"/flows/{flow_id}/copy")).status == 201
        assert (await call("DELETE", f"/flows/{flow_id}")).status == 204
        is_problem(await call("GET", f"/flows/{flow_id}"), 404, code="not_found")


async def test_a_connection_shows_names_of_secrets_and_never_a_secret(database_url):
    async with client(database_url) as call:
        made = await call(
            "POST",
            "/connections",
            {"app": "shop", "name": "S", "fields": {"key": "good-shop-key", "base_url": call.desk.url}},
        )
        assert (made.status, made.json["secrets"]) == (201, ["key"])
        path = f"/connections/{made.json['id']}"
        answers = [made, await call("GET", path), await call("GET", "/connections"), await call("POST", f"{path}/test")]
        answers.append(await call("PATCH", path, {"fields": {"key": ""}, "limit": {"requests": 10}}))
        assert b"good-shop-key" not in b"".join(answer.body for answer in answers)
        assert (await call("GET", path)).json["limit_requests"] == 10
        assert (await call("PATCH", path, {"limit": None})).json["limit_requests"] is None
        assert (await call("POST", f"{path}/disable")).json["status"] == "disabled"
        assert (await call("POST", f"{path}/enable")).json["status"] == "active"


async def test_the_vendors_refusal_is_on_the_guilty_field(sqlite):
    async with client(sqlite) as call:
        wrong = {"app": "shop", "name": "S", "fields": {"key": "wrong-key", "base_url": call.desk.url}}
        document = is_problem(await call("POST", "/connections", wrong), 422, field="fields.key", code="invalid")
        assert document["problems"] == [{"field": "fields.key", "message": document["detail"]}]
        assert "wrong-key" not in str(document)


async def test_a_token_is_generated_shown_once_and_deleted(database_url):
    async with client(database_url) as call:
        made = await call(
            "POST", "/tokens", {"name": "CI", "scopes": ["runs:read"], "expires_at": "2099-01-01T00:00:00Z"}
        )
        assert (made.status, made.headers["cache-control"]) == (201, "no-store")
        path = f"/tokens/{made.json['token']['id']}"
        assert made.json["secret"] not in (await call("GET", path)).body.decode()
        assert (await call("POST", f"{path}/deactivate")).json["status"] == "deactivated"
        assert (await call("DELETE", path)).status == 204
        is_problem(await call("GET", path), 404)


async def test_a_token_cannot_grant_more_than_it_holds(sqlite):
    async with client(sqlite) as call:
        limited = await call.limited("tokens:write", "runs:write")
        assert (await limited("POST", "/tokens", {"name": "A", "scopes": ["runs:read", "tokens:read"]})).status == 201
        is_problem(await limited("POST", "/tokens", {"name": "A", "scopes": ["*:read"]}), 403, field="scopes")


async def test_a_token_generates_none_that_outlives_it_or_is_good_elsewhere(sqlite):
    async with client(sqlite) as call:
        tokens, soon = call.desk.tokens, clock.now() + timedelta(hours=1)
        brief = await tokens.generate(name="Brief", scopes=["*:write"], expires_at=soon, networks=["192.0.2.0/24"])
        bound = Client(call.desk, call.application, brief.secret)
        wanted = {"name": "A", "scopes": ["runs:read"], "expires_at": soon.isoformat(), "networks": ["192.0.2.7"]}
        with acting(Actor(kind="anonymous", address="192.0.2.9")):
            assert (await bound("POST", "/tokens", wanted)).status == 201
            for field, value in (
                ("expires_at", None),
                ("expires_at", "2099-01-01T00:00:00Z"),
                ("networks", []),
                ("networks", ["192.0.2.7", "192.0.0.0/16"]),
                ("networks", ["2001:db8::/32"]),
            ):
                is_problem(await bound("POST", "/tokens", {**wanted, field: value}), 403, field=field)
            is_problem(await bound("POST", "/tokens", {**wanted, "networks": ["here"]}), 422, field="networks")
            free = await tokens.generate(name="Free", scopes=["runs:read"])
            is_problem(await bound("POST", f"/tokens/{free.token.id}/rotate", {}), 403, field="expires_at")
            assert (await bound("POST", f"/tokens/{brief.token.id}/rotate", {})).status == 200


async def test_a_definition_is_previewed_only_by_who_may_write_flows(sqlite):
    async with client(sqlite) as call:
        reader, writer = await call.limited("flows:read"), await call.limited("flows:write")
        document = is_problem(await reader("POST", "/flows/preview", {"definition": outbound()}), 403, code="forbidden")
        assert document["detail"] == "This token lacks the scope flows:write."
        assert (await writer("POST", "/flows/preview", {"definition": outbound()})).status == 200


async def test_a_missing_scope_is_named_and_a_missing_token_asked_for(sqlite):
    async with client(sqlite) as call:
        limited = await call.limited("runs:read")
        assert (await limited("GET", "/runs")).status == 200
        document = is_problem(await limited("GET", "/flows"), 403, code="forbidden")
        assert document["detail"] == "This token lacks the scope flows:read."
        for headers in (
            {},
            {"authorization": "Basic x"},
            {"authorization": "Bearer"},
            {"authorization": "Bearer aff_no"},
        ):
            refused = await call.anonymous(**headers)("GET", "/flows")
            is_problem(refused, 401, code="unauthorised")
            assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_the_token_is_checked_before_the_body_is_read(sqlite):
    async with client(sqlite) as call:
        is_problem(await call.anonymous()("POST", "/tokens", raw=b"{"), 401)


async def test_every_operation_asks_for_its_scope(sqlite):
    async with client(sqlite) as call:
        document = (await call("GET", "/openapi.json")).json
        stranger = await call.limited("payments:read")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                refused = await stranger(method.upper(), path.replace("{", "").replace("}", ""), {})
                wanted = operation["x-scope"]
                assert is_problem(refused, 403)["detail"] == f"This token lacks the scope {wanted}."
                assert (method == "get") <= wanted.endswith(":read")


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b'{"name": "\\u0000"}', "application/json", 422),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"definition": ' + b'{"a":' * 80 + b"1" + b"}" * 80 + b"}", "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b"", "application/json", 422),
    ],
)
async def test_a_body_that_is_not_what_it_should_be_is_explained(sqlite, raw, content_type, status):
    async with client(sqlite) as call:
        is_problem(await call("POST", "/flows", raw=raw, content_type=content_type), status)


async def test_a_body_that_is_too_large_is_refused_declared_or_not(sqlite):
    async with client(sqlite) as call:
        body = b'{"definition": {"description": "' + b"x" * LARGEST + b'"}}'
        is_problem(await call("POST", "/flows", raw=body, content_length=str(len(body))), 413, code="too_large")
        is_problem(await call("POST", "/flows", raw=body), 413, code="too_large")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/runs?limit=0", None, "limit"),
        ("GET", "/runs?limit=many", None, "limit"),
        ("GET", "/runs?since=yesterday", None, "since"),
        ("GET", "/runs?since=2026-01-01T00:00:00", None, "since"),
        ("GET", "/runs?states=broken", None, "states"),
        ("GET", "/runs?colour=red", None, "colour"),
        ("GET", "/flows?visibility=secret", None, "visibility"),
        ("GET", "/identities", None, "account_id"),
        ("GET", "/flows/flo_x/versions/99999999999999999999", None, "number"),
        ("POST", "/tokens", {"name": "A", "scopes": ["x"]}, "scopes"),
        ("POST", "/tokens", {"name": "A", "scopes": ["runs:read"], "admin": True}, "admin"),
        ("POST", "/tokens", {"name": "A" * 301, "scopes": ["runs:read"]}, "name"),
        ("POST", "/connections", {"app": "none", "name": "A"}, "app"),
        ("POST", "/connections", {"app": "shop", "name": "A", "fields": {"key": {"a": 1}}}, "fields.key"),
        ("POST", "/flow-connections", {"flow_id": "flo_x", "name": ""}, "name"),
        ("POST", "/flow-connections", {"flow_id": "flo_x", "name": "A", "bindings": {"a": 1}}, "bindings.a"),
        ("POST", "/flows/preview", {"definition": {"name": "A"}}, "name"),
        ("POST", "/flows/preview", {"definition": outbound(), "event_id": "evt_none"}, "event_id"),
        ("POST", "/runs/bulk", {"action": "delete", "runs": {}}, "action"),
    ],
)
async def test_a_wrong_input_is_named(sqlite, method, path, body, field):
    async with client(sqlite) as call:
        answer = await call(method, path, body)
        assert answer.status in (403, 404, 422)
        assert is_problem(answer, answer.status)["field"] == field


@pytest.mark.parametrize(
    "path", ["/nothing", "/tokens/", "/apps/none", "/runs/run_none", "/events/evt_none", "/flows/flo_none/versions"]
)
async def test_what_is_not_there_is_a_404(sqlite, path):
    async with client(sqlite) as call:
        is_problem(await call("GET", path), 404, code="not_found", instance=f"/api/v1{path}")


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/connections", "GET, POST"), ("/connections/con_1", "DELETE, GET, PATCH"), ("/flows/preview", "POST"),
     ("/runs/bulk", "POST"), ("/flows/flo_1/versions/1", "GET")],
)  # fmt: skip
async def test_allow_names_the_methods_of_all_routes_of_an_address(sqlite, path, methods):
    async with client(sqlite) as call:
        answer = await call("OPTIONS", path)
    assert (answer.status, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("value", [0, 1, "yes", "true"])
async def test_all_runs_are_meant_only_by_a_plain_true(sqlite, value):
    async with client(sqlite) as call:
        answer = await call("POST", "/runs/bulk", {"action": "cancel", "runs": {}, "everything": value})
    assert is_problem(answer, 422)["problems"][0]["field"] == "everything"


@pytest.mark.parametrize("moment", ["0.5", "1767225600", "-1", "2026-01-31T00:00:00"])
async def test_a_time_is_written_with_its_zone_not_counted(sqlite, moment):
    async with client(sqlite) as call:
        for path in ("/audit", "/runs"):
            answer = await call("GET", f"{path}?until={moment}")
            assert is_problem(answer, 422)["problems"][0]["field"] == "until"


async def test_a_method_that_is_not_possible_is_a_405_that_says_which_are(sqlite):
    async with client(sqlite) as call:
        answer = await call("DELETE", "/apps")
        is_problem(answer, 405, code="method_not_allowed")
        assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/flows?search=%00", "/runs/run_\x00"])
async def test_nul_in_an_address_is_refused(sqlite, path):
    async with client(sqlite) as call:
        is_problem(await call("GET", path), 422)


async def test_a_defect_is_told_without_its_traceback(sqlite, monkeypatch):
    async with client(sqlite) as call:

        async def broken(**_options):
            raise RuntimeError("secret detail")

        monkeypatch.setattr(call.desk.tokens, "list", broken)
        answer = await call("GET", "/tokens")
        is_problem(answer, 500, code="defect")
        assert "secret detail" not in answer.body.decode()


async def test_a_database_that_is_away_is_a_503(sqlite, monkeypatch):
    async with client(sqlite) as call:

        async def away(**_options):
            raise StoreUnavailable("gone")

        monkeypatch.setattr(call.desk.tokens, "list", away)
        answer = await call("GET", "/tokens")
        is_problem(answer, 503, code="unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_lists_are_paged_by_cursor(sqlite):
    async with client(sqlite) as call:
        for number in range(3):
            await call("POST", "/tokens", {"name": f"T{number}", "scopes": ["runs:read"]})
        first = (await call("GET", "/tokens?limit=2")).json
        second = (await call("GET", f"/tokens?limit=2&after={first['next']}")).json
        assert [item["name"] for item in first["items"] + second["items"]] == ["T2", "T1", "T0", "All"]
        assert second["next"] == ""


async def test_apps_say_what_they_need_and_can_do(sqlite):
    async with client(sqlite) as call:
        assert [item["key"] for item in (await call("GET", "/apps?search=SELL")).json["items"]] == ["shop"]
        app = (await call("GET", "/apps/shop")).json
        assert app["credentials"]["properties"]["key"]["format"] == "password"
        assert app["actions"][0]["sample"]["output"] == {"receipt": "r-sample"}


async def test_the_description_documents_errors_scopes_and_examples(sqlite):
    async with client(sqlite) as call:
        document = (await call.anonymous()("GET", "/openapi.json")).json
        operations = [one for path in document["paths"].values() for one in path.values()]
        assert len({one["operationId"] for one in operations}) == len(operations) > 40
        for operation in operations:
            assert operation["summary"]
            assert operation["description"]
            assert {"401", "403", "503"} <= set(operation["responses"])
            for status, response in operation["responses"].items():
                assert (status >= "400") == ("application/problem+json" in response.get("content", {}))
        sent = {
            one["requestBody"]["content"]["application/json"]["schema"].get("$ref", "").rsplit("/", 1)[-1]
            for one in operations
            if "requestBody" in one
        }
        schemas = document["components"]["schemas"]
        assert [name for name in sent if name and "examples" not in schemas[name]] == []


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_an_example_is_what_the_api_would_answer(name):
    modules = (
        tokens,
        connection_views,
        flow_views,
        flow_connection_views,
        duties,
        flow_problems,
        events,
        run_views,
        runs,
        identities,
        event,
    )
    kind = next(getattr(module, name) for module in modules if hasattr(module, name))
    for example in examples.EXAMPLES[name]:
        adapter = TypeAdapter(kind)
        assert adapter.dump_python(adapter.validate_python(example), mode="json") == example


async def test_people_get_a_page_without_script_or_foreign_assets(sqlite):
    async with client(sqlite) as call:
        page = await call.anonymous()("GET", "/")
        assert page.status == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        text = page.body.decode()
        assert "<script" not in text
        assert "http://" not in text + "https://"[:0]
        assert "/api/v1/runs/{run_id}/replay" in text
        assert (await call.anonymous()("GET", "/style.css")).headers["content-type"].startswith("text/css")


def test_the_api_has_a_router_for_every_noun():
    folder = Path(application.__file__).parent
    nouns = [path for path in folder.glob("*.py") if "\nroutes = router(" in path.read_text()]
    assert len(application._ROUTERS) == len(nouns) >= 8


async def test_an_app_that_cannot_be_used_is_listed_with_its_error_and_so_is_a_flow_that_uses_it(sqlite):
    async with client(sqlite) as call:
        call.desk.break_shop()
        broken = (await call("GET", "/apps")).json["items"][-1]
        assert (broken["key"], broken["package"]) == ("shop", "shop 1.0, shop.app:app")
        assert broken["error"] == "it cannot be imported: RuntimeError: no till"
        assert (await call("GET", "/apps/shop")).json["app"] == broken
        assert all(not app["error"] for app in (await call("GET", "/apps")).json["items"][:-1])
        problems = (await call("POST", "/flows/validate", {"definition": outbound()})).json["items"]
        assert "The app 'shop' cannot be used: it cannot be imported: RuntimeError: no till" in str(problems)
