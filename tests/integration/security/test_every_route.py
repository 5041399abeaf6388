"""Every route is tried without a session, with each role, with a token that lacks the scope and with one that has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from affluent.api.togai import directory, money, plans
from affluent.kit.jsons import loads
from affluent.server.application import server_routes
from affluent.services.identity.roles import ADMIN_RESOURCES, RIGHTS, Role, may
from affluent.services.identity.scopes import RESOURCES
from tests.integration.security.callers import Callers, callers, filled
from tests.integration.security.routes import ADMIN, API, ONLY_READS, OWN, PUBLIC, SERVER, WEB, found

REFUSED = (401, 403)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


def pages(at: Callers) -> list[str]:
    """The interface's routes that are there."""
    return [route for route in found(server_routes(at.hub)) if not route.split(" ")[1].startswith(("/api/", "/togai/"))]


async def test_every_route_has_its_line_and_every_line_its_route(at: Callers) -> None:
    there = set(found(server_routes(at.hub)))
    assert [route for route in pages(at) if route not in {*WEB, *SERVER}] == []
    assert {*WEB, *SERVER} - there == set()


async def test_without_a_session_every_page_leads_to_the_sign_in(at: Callers) -> None:
    wrong = {}
    for route in pages(at):
        if route not in WEB or WEB[route] == PUBLIC:
            continue
        method, path = route.split(" ", 1)
        stranger = at.stranger()
        answer = await (stranger.get(filled(path)) if method == "GET" else stranger.post(filled(path)))
        if answer.status != 303 or not answer.header("location").startswith("/sign-in"):
            wrong[route] = answer.status
    assert wrong == {}


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_opens_what_it_may_and_nothing_else(at: Callers, role: Role) -> None:
    wrong = {}
    browser = at.people[role]
    for route in pages(at):
        need = WEB.get(route, PUBLIC)
        if need == PUBLIC:
            continue
        method, path = route.split(" ", 1)
        answer = await (browser.get(filled(path)) if method == "GET" else browser.post(filled(path)))
        allowed = need == OWN or (role is Role.ADMINISTRATOR if need == ADMIN else may(role, need))
        as_documented = answer.status not in REFUSED if allowed else answer.status == 403
        if not as_documented or answer.status >= 500 or answer.header("location").startswith("/sign-in"):
            wrong[route] = answer.status
    assert wrong == {}


async def test_public_pages_answer_strangers_without_a_fault(at: Callers) -> None:
    for route, need in [*WEB.items(), *SERVER.items()]:
        if need != PUBLIC or route not in set(found(server_routes(at.hub))):
            continue
        method, path = route.split(" ", 1)
        answer = await (at.stranger().get(filled(path)) if method == "GET" else at.stranger().post(filled(path)))
        assert answer.status < 500, route


async def test_no_answer_is_guessed_at_run_or_framed(at: Callers) -> None:
    routes = {**await documented(at), **dialect(at), **SERVER, "GET /": PUBLIC, "GET /nothing/here": PUBLIC}
    for route in routes:
        answer = await at.call(route)
        assert answer.header("x-content-type-options") == "nosniff", route
        assert "frame-ancestors 'none'" in answer.header("content-security-policy"), route
        assert "unsafe" not in answer.header("content-security-policy"), route


async def test_an_unknown_address_tells_strangers_nothing(at: Callers) -> None:
    assert (await at.stranger().get("/nothing/here")).status == 404


def dialect(at: Callers) -> dict[str, str]:
    """The routes of the billing workspace with their scopes."""
    rules = [*directory.rules(at.hub.billing), *plans.rules(at.hub.billing), *money.rules(at.hub.billing)]
    return {f"{rule.method} /togai{rule.path}": rule.scope for rule in rules}


async def documented(at: Callers) -> dict[str, str]:
    """The routes of the REST API with the scopes that its description names."""
    answer = await at.stranger().get("/api/v1/openapi.json")
    paths = loads(answer.body)["paths"]
    return {
        f"{method.upper()} /api/v1{path}": operation["x-scope"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


async def test_every_api_route_is_described_with_its_scope(at: Callers) -> None:
    known = {*await documented(at), *dialect(at), *SERVER, "POST /togai/authenticate"}
    there = [
        route.replace(":path}", "}")
        for route in found(server_routes(at.hub))
        if " /api/" in route or " /togai/" in route
    ]
    assert [route for route in there if route not in known] == []


async def test_scopes_are_what_was_agreed(at: Callers) -> None:
    described = await documented(at)
    for scope, routes in API.items():
        for route in routes:
            method, path = route.split(" ", 1)
            assert described[f"{method} /api/v1{path}"] == scope, route


async def test_what_changes_something_needs_the_right_to_write(at: Callers) -> None:
    scopes = {**await documented(at), **dialect(at)}
    assert {scope.split(":")[0] for scope in scopes.values()} <= set(RESOURCES)
    wrong = [
        route
        for route, scope in scopes.items()
        if scope.endswith(":write") == route.startswith("GET ") and route not in ONLY_READS
    ]
    assert wrong == []


async def test_every_api_route_refuses_callers_without_a_token(at: Callers) -> None:
    wrong = {}
    for route in {**await documented(at), **dialect(at)}:
        answer = await at.call(route)
        if answer.status != 401 or not answer.header("www-authenticate"):
            wrong[route] = answer.status
    assert wrong == {}


async def test_every_api_route_refuses_a_token_that_is_not_known(at: Callers) -> None:
    for route in {**await documented(at), **dialect(at)}:
        assert (await at.call(route, "aff_" + "x" * 43)).status == 401, route


async def test_every_api_route_refuses_a_token_that_lacks_the_scope(at: Callers) -> None:
    wrong = {}
    for route, scope in {**await documented(at), **dialect(at)}.items():
        others = [f"{resource}:write" for resource in RESOURCES if resource != scope.split(":")[0]]
        if scope.endswith(":write"):
            others.append("*:read")
        answer = await at.call(route, await at.token(*others))
        if answer.status != 403 or scope not in answer.text:
            wrong[route] = answer.status
    assert wrong == {}


async def test_every_api_route_lets_a_token_with_the_scope_in(at: Callers) -> None:
    wrong = {}
    for route, scope in {**await documented(at), **dialect(at)}.items():
        answer = await at.call(route, await at.token(scope))
        if answer.status in REFUSED or answer.status >= 500:
            wrong[route] = answer.status
    assert wrong == {}


def test_roles_are_those_of_the_reference() -> None:
    assert RIGHTS[Role.ADMINISTRATOR] == ("*:write",)
    assert not any(right.endswith(":write") for right in RIGHTS[Role.ANALYST])
    for scope in ("customers:write", "accounts:write", "settings:write", "connections:write", "flows:write"):
        assert may(Role.DEVELOPER, scope)
        assert not may(Role.PRODUCT_MANAGER, scope)
    for scope in ("price_plans:write", "invoices:write", "credits:write", "payments:write"):
        assert may(Role.PRODUCT_MANAGER, scope)
        assert not may(Role.DEVELOPER, scope)


@pytest.mark.parametrize("resource", sorted(ADMIN_RESOURCES))
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_the_admin_center_is_the_administrators_alone(resource: str, role: Role) -> None:
    assert not may(role, f"{resource}:read")
    assert may(Role.ADMINISTRATOR, f"{resource}:read")
