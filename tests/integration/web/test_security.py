"""What holds for every answer of the interface."""

from __future__ import annotations

import gzip

import pytest

from affluent.web.assets import assets
from tests.integration.web.browser import LARGEST, SERVER, Browser

PAGES = ["/", "/admin/tokens", "/search?q=a", "/sign-in", "/nothing-here", f"/static/{assets().tree}/css/app.css"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_carries_the_strict_policy(owner: Browser, path: str) -> None:
    policy = (await owner.get(path)).header("content-security-policy")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGES[:-1])
async def test_pages_are_not_kept_and_not_framed(owner: Browser, path: str) -> None:
    answer = await owner.get(path)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-frame-options") == "DENY"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "same-origin"


async def test_https_is_kept_by_the_browser_and_binds_the_cookie_to_the_host(visitor: Browser) -> None:
    visitor.scheme = "https"
    answer = await visitor.get(await visitor.hub.people.signed_in_link())
    assert answer.header("strict-transport-security")
    assert answer.cookies[0].startswith("__Host-affluent=")
    assert all(word in answer.cookies[0].lower() for word in ("httponly", "samesite=lax", "secure", "path=/"))


async def test_without_https_the_cookie_is_still_hidden_from_scripts(visitor: Browser) -> None:
    cookie = (await visitor.get(await visitor.hub.people.signed_in_link())).cookies[0].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
    ],
)
async def test_a_write_that_no_page_of_ours_made_is_refused(owner: Browser, headers: dict[str, str]) -> None:
    answer = await owner.post("/admin/tokens", {"name": "Evil", "scope": "*:write"}, **headers)
    assert answer.status == 403
    assert not await owner.hub.tokens.list()


async def test_a_browser_that_says_same_origin_needs_no_origin(owner: Browser) -> None:
    answer = await owner.post("/theme", {"to": "dark"}, origin="", sec_fetch_site="same-origin")
    assert answer.status == 303


async def test_a_large_body_is_refused(owner: Browser) -> None:
    answer = await owner.post("/sign-in", {"email": "x" * LARGEST}, content_length=str(LARGEST + 100))
    assert answer.status == 413


async def test_a_large_body_that_hides_its_size_is_refused(owner: Browser) -> None:
    answer = await owner.post("/sign-in", {"email": "x" * LARGEST})
    assert answer.status == 413


async def test_static_files_are_kept_for_ever_and_compressed_once(visitor: Browser) -> None:
    answer = await visitor.get(assets().url("css/app.css"), accept_encoding="gzip")
    assert answer.header("cache-control") == "public, max-age=31536000, immutable"
    assert gzip.decompress(answer.body).startswith(b"@layer")


async def test_a_static_file_of_another_release_is_answered_but_not_kept(visitor: Browser) -> None:
    answer = await visitor.get("/static/000000000000/css/app.css")
    assert (answer.status, answer.header("cache-control")) == (200, "no-cache")


@pytest.mark.parametrize("name", ["../visit.py", "..%2fvisit.py", "nothing.css", "/etc/passwd"])
async def test_nothing_but_static_files_is_served(visitor: Browser, name: str) -> None:
    assert (await visitor.get(f"/static/{assets().tree}/{name}")).status == 404


async def test_an_unknown_address_is_a_page_in_words(owner: Browser) -> None:
    answer = await owner.get("/nothing-here")
    assert answer.status == 404
    assert "There is nothing here" in answer.words


async def test_a_defect_is_a_page_without_its_innards(owner: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ValueError("the innards")

    monkeypatch.setattr(owner.hub.pulse, "last_day", broken, raising=False)
    answer = await owner.get("/")
    assert answer.status == 500
    assert "innards" not in answer.text
    assert "err_" in answer.text


async def test_the_theme_is_kept_and_the_page_shown_again(owner: Browser) -> None:
    answer = await owner.post("/theme", {"to": "dark"}, referer=f"{SERVER}/admin/tokens?after=x")
    assert answer.header("location") == "/admin/tokens?after=x"
    assert 'data-theme="dark"' in (await owner.get("/")).text


async def test_the_theme_never_leads_to_another_site(owner: Browser) -> None:
    answer = await owner.post("/theme", {"to": "dark"}, referer="http://evil.example/x")
    assert answer.header("location") == "/"


async def test_a_page_is_small_over_the_wire(owner: Browser) -> None:
    page = await owner.get("/", accept_encoding="gzip")
    assert page.header("content-encoding") == "gzip"
    assert len(page.body) <= 10 * 1024
