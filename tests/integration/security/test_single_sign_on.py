"""Signing in with an OpenID Connect provider, as a browser without script does it."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from affluent.kit import clock
from affluent.services.identity.roles import Role
from affluent.services.operations.audit import AuditFilter
from tests.integration.security.callers import Callers, callers
from tests.integration.web.browser import PASSWORD, Answer, Browser
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, Provider, provider

AT_PROVIDER = "/sign-in/provider"


@pytest.fixture
async def there() -> AsyncIterator[Provider]:
    async with provider() as it:
        yield it


def settings(there: Provider, **more: Any) -> dict[str, Any]:
    usual = {
        "oidc_issuer": there.url, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET, "oidc_name": "Example ID",
        "allow_private_addresses": True,
    }  # fmt: skip
    return {**usual, **more}


@pytest.fixture
async def at(tmp_path: Path, there: Provider) -> AsyncIterator[Callers]:
    async with callers(tmp_path, **settings(there)) as it:
        yield it


async def sign_in(browser: Browser, there: Provider, wanted: str = "/") -> Answer:
    """All the way; the answer to the browser that comes back."""
    away = await browser.get(f"{AT_PROVIDER}?next={wanted}")
    assert away.status == 303, away.words
    return await browser.get(await there.visit(away.header("location")))


async def told(at: Callers) -> list[tuple[str, str, str]]:
    """The newest entries of the audit log: action, name, changes."""
    return [
        (entry.action, entry.subject_name, str(entry.changes))
        for entry in (await at.hub.audit.find(AuditFilter())).items[:4]
    ]


async def test_the_page_offers_the_provider_beside_the_password(at: Callers) -> None:
    page = await at.stranger().get("/sign-in")
    assert "Sign in with Example ID" in page.words
    assert 'name="password"' in page.text


async def test_without_the_setting_there_is_neither_button_nor_address(tmp_path: Path) -> None:
    async with callers(tmp_path) as at:
        assert "Sign in with" not in (await at.stranger().get("/sign-in")).words
        assert (await at.stranger().get(AT_PROVIDER)).status == 404
        assert (await at.stranger().get("/sign-in/callback?code=x&state=y")).status == 404


async def test_somebody_new_comes_as_an_analyst_and_lands_where_they_wanted(at: Callers, there: Provider) -> None:
    browser = at.stranger()
    answer = await sign_in(browser, there, "/flows")
    assert (answer.status, answer.header("location")) == (303, "/flows")
    assert "Noor Haddad" in (await browser.get("/")).words
    person = next(one for one in await at.hub.users.list() if one.email == "noor@example.com")
    assert person.role is Role.ANALYST
    assert (await told(at))[0][0] == "signed in"
    assert "single sign-on" in (await told(at))[0][2]


async def test_the_request_to_the_provider_is_bound_to_the_browser_and_asks_for_a_code(
    at: Callers, there: Provider
) -> None:
    browser = at.stranger()
    away = await browser.get(AT_PROVIDER)
    asked = parse_qs(urlsplit(away.header("location")).query)
    assert asked["scope"] == ["openid email profile"]
    assert asked["redirect_uri"] == ["http://hub.example/sign-in/callback"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) == 43
    cookie = next(cookie for cookie in away.cookies if "sign-in" in cookie).lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_over_https_the_cookie_is_bound_to_the_host(at: Callers) -> None:
    browser = at.stranger()
    browser.scheme = "https"
    cookie = next(cookie for cookie in (await browser.get(AT_PROVIDER)).cookies if "sign-in" in cookie)
    assert cookie.startswith("__Host-affluent-sign-in=")
    assert "secure" in cookie.lower()


async def test_the_next_time_the_person_is_known_by_the_account_whatever_the_address(
    at: Callers, there: Provider
) -> None:
    await sign_in(at.stranger(), there)
    there.person |= {"email": "noor.haddad@example.com", "email_verified": False}
    assert (await sign_in(at.stranger(), there)).status == 303
    assert [one.email for one in await at.hub.users.list()].count("noor@example.com") == 1


async def test_the_first_time_somebody_known_is_found_by_the_verified_address(at: Callers, there: Provider) -> None:
    there.person |= {"sub": "mira", "email": "MIRA@example.com"}
    browser = at.stranger()
    assert (await sign_in(browser, there)).status == 303
    assert "Mira Kapoor" in (await browser.get("/")).words
    assert (await browser.get("/admin/users")).status == 200
    assert (await at.stranger().post("/sign-in", {"email": "mira@example.com", "password": PASSWORD})).status == 303


async def test_an_invited_person_is_active_after_coming_from_the_provider(at: Callers, there: Provider) -> None:
    person, _ = await at.hub.users.invite(name="Noor", email="noor@example.com", role="developer")
    assert (await sign_in(at.stranger(), there)).status == 303
    found = await at.hub.users.get(person.id)
    assert (found.status, found.role) == ("active", Role.DEVELOPER)


async def refused(at: Callers, there: Provider) -> str:
    """What the page says to somebody who is not let in, and that they are not in."""
    browser = at.stranger()
    answer = await sign_in(browser, there)
    assert answer.status in (403, 502, 503)
    assert "Traceback" not in answer.text
    assert CLIENT_SECRET not in answer.text
    assert 'name="password"' in answer.text
    assert (await browser.get("/")).status == 303
    assert (await told(at))[0][0] == "refused"
    return answer.words


@pytest.mark.parametrize("verified", [False, None, "false", 0, "true", "True", 1, [True], {"value": True}])
async def test_an_address_that_is_not_verified_is_refused(at: Callers, there: Provider, verified: object) -> None:
    there.person |= {"email": "mira@example.com", "email_verified": verified}
    assert "has not verified your e-mail address" in await refused(at, there)


async def test_an_account_without_an_address_is_refused(at: Callers, there: Provider) -> None:
    there.person["email"] = None
    there.userinfo = {"sub": "u-1"}
    assert "did not tell your e-mail address" in await refused(at, there)


async def test_an_address_told_outside_the_token_will_do(at: Callers, there: Provider) -> None:
    there.userinfo = {
        "sub": "u-1",
        "email": there.person.pop("email"),
        "email_verified": there.person.pop("email_verified"),
    }
    assert (await sign_in(at.stranger(), there)).status == 303


async def test_an_address_told_of_another_person_is_refused(at: Callers, there: Provider) -> None:
    there.userinfo = {"sub": "u-2", "email": there.person.pop("email"), "email_verified": True}
    assert "another person" in await refused(at, there)


async def test_another_account_with_a_known_address_is_refused(at: Callers, there: Provider) -> None:
    await sign_in(at.stranger(), there)
    there.person["sub"] = "u-2"
    assert "another account of Example ID" in await refused(at, there)


async def test_a_deactivated_person_stays_out(at: Callers, there: Provider) -> None:
    await sign_in(at.stranger(), there)
    person = next(one for one in await at.hub.users.list() if one.email == "noor@example.com")
    await at.hub.users.deactivate(person.id)
    assert "deactivated" in await refused(at, there)


async def test_a_second_factor_is_asked_for_here_too(at: Callers, there: Provider) -> None:
    owner = at.people[Role.ADMINISTRATOR]
    secret = re.findall(r'name="secret" value="(\w+)"', (await owner.get("/account/second-factor")).text)[0]
    form = {"secret": secret, "code": pyotp.TOTP(secret).at(clock.now() - timedelta(seconds=30)), "password": PASSWORD}
    await owner.post("/account/second-factor", form)
    there.person |= {"email": "mira@example.com"}
    browser = at.stranger()
    answer = await sign_in(browser, there)
    assert "One more step" in answer.words
    assert (await browser.get("/")).status == 303
    ticket = re.findall(r'name="ticket" value="([\w-]+)"', answer.text)[0]
    code = pyotp.TOTP(secret).at(clock.now())
    assert (await browser.post("/sign-in/code", {"ticket": ticket, "code": code})).status == 303
    assert (await browser.get("/")).status == 200


BROKEN: dict[str, tuple[Callable[[Provider], Any], str]] = {
    "a nonce of another sign-in": (lambda there: there.claims.update(nonce="x" * 43), "invalid_claim"),
    "no nonce": (lambda there: there.claims.update(nonce=None), "missing_claim"),
    "another audience": (lambda there: there.claims.update(aud="somebody-else"), "invalid_claim"),
    "several audiences and no party": (lambda there: there.claims.update(aud=[CLIENT_ID, "x"]), "missing_claim"),
    "another party": (lambda there: there.claims.update(azp="somebody-else"), "invalid_claim"),
    "another issuer": (lambda there: there.claims.update(iss="https://evil.example"), "invalid_claim"),
    "expired": (lambda there: there.claims.update(exp=int(time.time()) - 120), "expired_token"),
    "of the future": (lambda there: there.claims.update(iat=int(time.time()) + 120), "invalid_claim"),
    "without expiry": (lambda there: there.claims.update(exp=None), "missing_claim"),
    "an expiry that is no number": (lambda there: there.claims.update(exp="never"), "invalid_claim"),
    "nobody": (lambda there: there.claims.update(sub=""), "nobody"),
    "no subject": (lambda there: there.claims.update(sub=None), "missing_claim"),
    "unsigned": (lambda there: setattr(there, "way", "bare"), "bad_signature"),
    "alg none": (lambda there: setattr(there, "way", "none"), "unsupported_algorithm"),
    "signed with our own secret": (lambda there: setattr(there, "way", "HS256"), "unsupported_algorithm"),
    "a foreign key of the same name": (
        lambda there: setattr(there, "published", RSAKey.generate_key(2048, {"kid": "one"})), "bad_signature",
    ),
    "a key that is not published": (
        lambda there: setattr(there, "published", RSAKey.generate_key(2048, {"kid": "two"})), "invalid_key_id",
    ),
    "no keys": (lambda there: there.answers.update({"/keys": web.Response(body=b'{"keys":[]}')}), "not good"),
    "keys that are none": (lambda there: there.answers.update({"/keys": web.Response(body=b'{"keys":[1]}')}), "not good"),
    "no keys at all": (lambda there: there.answers.update({"/keys": web.Response(body=b"{}")}), "not good"),
    "no token": (lambda there: there.answers.update({"/token": web.Response(body=b"{}")}), "no ID token"),
    "a token that is none": (
        lambda there: there.answers.update({"/token": web.Response(body=b'{"id_token":"a.b"}')}), "not good",
    ),
    "a code that is not taken": (
        lambda there: there.answers.update({"/token": web.Response(status=400, body=b"{}")}), "answered 400",
    ),
    "an answer that is no JSON": (lambda there: there.answers.update({"/token": web.Response(body=b"<html>")}), "password"),
    "a list": (lambda there: there.answers.update({"/token": web.Response(body=b"[]")}), "answered 200"),
    "a fault": (lambda there: there.answers.update({"/token": web.Response(status=503)}), "has a fault now"),
    "far too much": (lambda there: there.answers.update({"/token": web.Response(body=b" " * 300_000)}), "too much"),
    "denied": (lambda there: setattr(there, "denies", "access_denied"), "did not let you in"),
    "an error": (lambda there: setattr(there, "denies", "login_required"), "login_required"),
    "an error that is markup": (lambda there: setattr(there, "denies", "<script>"), "no code"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
async def test_what_is_not_to_be_trusted_lets_nobody_in(at: Callers, there: Provider, case: str) -> None:
    break_it, said = BROKEN[case]
    break_it(there)
    assert said in await refused(at, there)
    assert len(await at.hub.users.list()) == len(Role)


async def test_a_clock_that_is_half_a_minute_off_is_forgiven(at: Callers, there: Provider) -> None:
    there.claims = {"iat": int(time.time()) + 30, "exp": int(time.time()) - 30}
    assert (await sign_in(at.stranger(), there)).status == 303


async def test_a_provider_that_changes_its_keys_is_asked_again(
    at: Callers, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(at.stranger(), there)
    there.key = RSAKey.generate_key(2048, {"kid": "two"})
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=2))
    there.claims = {"iat": int(time.time()) + 120, "exp": int(time.time()) + 300}
    assert (await sign_in(at.stranger(), there)).status == 303


async def back(browser: Browser, there: Provider) -> str:
    """The address with which the provider sends the browser back."""
    return await there.visit((await browser.get(AT_PROVIDER)).header("location"))


async def test_a_sign_in_cannot_be_finished_in_another_browser(at: Callers, there: Provider) -> None:
    address, victim = await back(at.stranger(), there), at.stranger()
    assert "begun in another browser" in (await victim.get(address)).words
    await victim.get(AT_PROVIDER)
    answer = await victim.get(address)
    assert (answer.status, "begun in another browser" in answer.words) == (403, True)
    assert (await victim.get("/")).status == 303
    assert not [path for path, _, _ in there.seen if path == "/token"]


async def test_an_answer_is_good_once(at: Callers, there: Provider) -> None:
    browser = at.stranger()
    address = await back(browser, there)
    assert (await browser.get(address)).status == 303
    browser.cookies.clear()
    assert (await browser.get(address)).status == 403


async def test_a_sign_in_that_took_too_long_is_refused(
    at: Callers, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at.stranger()
    address, now = await back(browser, there), clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=11))
    assert (await browser.get(address)).status == 403


async def test_an_answer_of_another_provider_is_refused(at: Callers, there: Provider) -> None:
    browser = at.stranger()
    address = (await back(browser, there)).partition("&iss=")[0]
    assert "another provider" in (await browser.get(f"{address}&iss=https://evil.example")).words


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/%5Cevil.example"])
async def test_the_way_back_leads_nowhere_else(at: Callers, there: Provider, wanted: str) -> None:
    assert (await sign_in(at.stranger(), there, wanted)).header("location") == "/"


async def test_a_provider_that_is_down_leaves_the_password(tmp_path: Path, there: Provider) -> None:
    async with callers(tmp_path, **settings(there, oidc_issuer="http://127.0.0.1:9")) as at:
        answer = await at.stranger().get(AT_PROVIDER)
        assert answer.status == 503
        assert "cannot be reached now" in answer.words
        assert (await at.stranger().post("/sign-in", {"email": "mira@example.com", "password": PASSWORD})).status == 303


async def test_a_provider_on_a_private_address_is_not_asked_unless_that_is_allowed(
    tmp_path: Path, there: Provider
) -> None:
    for issuer in (there.url, there.url.replace("http://", "https://")):
        async with callers(
            tmp_path / issuer[:5], **settings(there, allow_private_addresses=False, oidc_issuer=issuer)
        ) as at:
            assert (await at.stranger().get(AT_PROVIDER)).status in (502, 503)
    assert there.seen == []


@pytest.mark.parametrize(
    "about", [{"issuer": "https://evil.example"}, {"authorization_endpoint": None}, {"authorization_endpoint": 7}]
)
async def test_a_description_that_is_not_its_own_is_refused(
    at: Callers, there: Provider, about: dict[str, Any]
) -> None:
    there.about = about
    answer = await at.stranger().get(AT_PROVIDER)
    assert (answer.status, "cannot be trusted" in answer.words) == (502, True)


@pytest.mark.parametrize("ways", [["client_secret_post"], ["client_secret_basic"], None])
async def test_the_secret_is_sent_the_way_the_provider_takes_it(
    at: Callers, there: Provider, ways: list[str] | None
) -> None:
    there.about = {"token_endpoint_auth_methods_supported": ways} if ways else {}
    assert (await sign_in(at.stranger(), there)).status == 303
    _, form, header = next(one for one in there.seen if one[0] == "/token")
    is_in_form = form.get("client_secret") == CLIENT_SECRET
    assert (is_in_form, header.startswith("Basic ")) == (ways == ["client_secret_post"], ways != ["client_secret_post"])


async def test_only_the_named_domains_come_in(tmp_path: Path, there: Provider) -> None:
    async with callers(tmp_path, **settings(there, oidc_domains="example.com, @example.org")) as at:
        assert (await sign_in(at.stranger(), there)).status == 303
        there.person = {**there.person, "sub": "u-2", "email": "eve@notexample.com"}
        assert "domain may not sign in" in await refused(at, there)


@pytest.mark.parametrize(
    ("claim", "role"),
    [("developer", Role.DEVELOPER), (["staff", "Product Manager"], Role.PRODUCT_MANAGER), ("administrator", Role.ADMINISTRATOR),
     (["analyst", "developer"], Role.DEVELOPER), ("king", Role.ANALYST), (None, Role.ANALYST), ({"a": 1}, Role.ANALYST)],
)  # fmt: skip
async def test_a_claim_names_the_role(tmp_path: Path, there: Provider, claim: object, role: Role) -> None:
    async with callers(tmp_path, **settings(there, oidc_role_claim="groups")) as at:
        there.person["groups"] = claim
        await sign_in(at.stranger(), there)
        assert [one.role for one in await at.hub.users.list() if one.email == "noor@example.com"] == [role]


async def test_the_claim_takes_a_role_away_at_the_next_sign_in_but_not_from_the_last_administrator(
    tmp_path: Path, there: Provider
) -> None:
    async with callers(tmp_path, **settings(there, oidc_role_claim="groups", oidc_role="product_manager")) as at:
        for groups, role in ((["administrator"], Role.ADMINISTRATOR), ([], Role.PRODUCT_MANAGER)):
            there.person["groups"] = groups
            await sign_in(at.stranger(), there)
            assert [one.role for one in await at.hub.users.list() if one.email == "noor@example.com"] == [role]
        there.person |= {"sub": "mira", "email": "mira@example.com"}
        await sign_in(at.stranger(), there)
        assert [one.role for one in await at.hub.users.list() if one.email == "mira@example.com"] == [
            Role.ADMINISTRATOR
        ]


async def test_before_there_is_an_owner_nobody_comes_in(tmp_path: Path, there: Provider) -> None:
    from affluent.bootstrap import build
    from affluent.server.application import application
    from affluent.settings import Settings
    from tests.integration.web.browser import SERVER

    hub = build(Settings(data_dir=tmp_path, **settings(there)), own_url=SERVER)
    await hub.open()
    try:
        browser = Browser(application(hub), hub, None)  # type: ignore[arg-type]  # makes no flows
        assert "There is no owner yet" in (await sign_in(browser, there)).words
        assert not await hub.people.has_owner()
    finally:
        await hub.close()


async def test_a_secret_may_come_from_a_file_and_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from affluent.settings import Settings

    (tmp_path / "secret").write_text(f"{CLIENT_SECRET}\n")
    monkeypatch.setenv("AFFLUENT_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    read = Settings()
    assert read.oidc_client_secret.get_secret_value() == CLIENT_SECRET
    assert CLIENT_SECRET not in repr(read)
