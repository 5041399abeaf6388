"""Behind a real proxy: whose address counts, and what the browser is told. Proxy and callers have loopback addresses of their own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from affluent.server.process import bind
from tests.integration.security.callers import callers
from tests.integration.web.browser import PASSWORD
from tests.support.product import Outside, product

PROXY, CALLER, OTHER = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen {listen};
    location / {{
      proxy_pass {server};
      proxy_bind {source};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
    }}
  }}
}}
"""


@asynccontextmanager
async def nginx(server: str, folder: Path) -> AsyncIterator[str]:
    """Debian's nginx, configured as the manual says."""
    if NGINX is None:
        pytest.skip("nginx is not installed here: apt-get install nginx-light")
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    listen = f"127.0.0.1:{port}"
    configure(folder, listen=listen, server=server)
    process = await asyncio.create_subprocess_exec(
        NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await listening(port)
        yield f"http://{listen}"
    finally:
        process.terminate()
        await process.wait()


def configure(folder: Path, *, listen: str, server: str) -> None:
    """Write what nginx reads."""
    folder.mkdir()
    text = CONFIGURATION.format(folder=folder, listen=listen, server=server, source=PROXY)
    (folder / "nginx.conf").write_text(text)


async def listening(port: int) -> None:
    """Wait until somebody accepts connections."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return await writer.wait_closed()


@asynccontextmanager
async def small_proxy(server: str, _folder: Path) -> AsyncIterator[str]:
    """A proxy of a few lines: it adds who asked to the list, and says that it was asked over https."""
    connector = aiohttp.TCPConnector(local_addr=(PROXY, 0))
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as client:

        async def forward(request: web.Request) -> web.Response:
            chain = [*request.headers.getall("X-Forwarded-For", []), request.remote or ""]
            headers = {name: value for name, value in request.headers.items() if not name.startswith("X-Forwarded")}
            headers |= {"X-Forwarded-For": ", ".join(chain), "X-Forwarded-Proto": "https"}
            async with client.request(
                request.method,
                server + request.path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer:
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() != "content-length"]
                answered = web.Response(status=answer.status, body=await answer.read())
                answered.headers.extend(kept)
                return answered

        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", forward)
        runner = web.AppRunner(application)
        await runner.setup()
        sock = bind("127.0.0.1", 0)
        await web.SockSite(runner, sock).start()
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            await runner.cleanup()


@pytest.fixture(params=[nginx, small_proxy], ids=["nginx", "small proxy"])
async def behind(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Outside, str]]:
    """The server, and the address of the proxy in front."""
    async with (
        product("", tmp_path / "data", trusted_proxies=PROXY) as outside,
        request.param(outside.url, tmp_path / "proxy") as url,
    ):
        yield outside, url


async def asked(url: str, token: str, address: str, **headers: str) -> int:
    """The status that a caller at an address gets for a list of runs."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    sent = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.get(f"{url}/api/v1/runs", headers=sent) as answer,
    ):
        return answer.status


async def bound_token(outside: Outside, network: str) -> str:
    """A token that is good at one address only."""
    made: Any = await outside.api("POST", "/tokens", {"name": "Office", "scopes": ["runs:read"], "networks": [network]})
    return str(made["secret"])


async def test_a_token_is_good_where_the_proxy_saw_its_caller(behind: tuple[Outside, str]) -> None:
    outside, url = behind
    token = await bound_token(outside, CALLER)
    assert await asked(url, token, CALLER) == 200
    assert await asked(url, token, OTHER) == 403


@pytest.mark.parametrize("made_up", [CALLER, f"{CALLER}, {PROXY}", f"{CALLER}, {CALLER}"])
async def test_a_caller_who_writes_the_header_is_believed_nowhere(behind: tuple[Outside, str], made_up: str) -> None:
    outside, url = behind
    token = await bound_token(outside, CALLER)
    for way in (url, outside.url):
        assert await asked(way, token, OTHER, X_Forwarded_For=made_up) == 403
        assert await asked(way, token, OTHER, Forwarded=f"for={CALLER}") == 403


async def test_over_https_at_the_proxy_the_browser_is_told_to_keep_to_it(behind: tuple[Outside, str]) -> None:
    outside, url = behind
    async with outside.session.get(f"{url}/sign-in") as answer:
        assert answer.headers["Strict-Transport-Security"]
    async with outside.session.get(f"{outside.url}/sign-in", headers={"X-Forwarded-Proto": "https"}) as answer:
        assert "Strict-Transport-Security" not in answer.headers


async def test_a_flow_names_no_other_caller_to_this_server(tmp_path: Path) -> None:
    async with product("", tmp_path, trusted_proxies="127.0.0.1") as outside:
        token = await bound_token(outside, "203.0.113.9")
        assert await asked(outside.url, token, "127.0.0.1", X_Forwarded_For="203.0.113.9") == 200
        made_up = {"X-Forwarded-For": "203.0.113.9", "forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
        headers = {"Authorization": f"Bearer {token}", **made_up}
        request = {"method": "GET", "url": f"{outside.url}/api/v1/runs", "headers": headers}
        link, url, secret = await outside.connected(
            [{"id": "call", "app": "http", "action": "request", "inputs": request}]
        )
        await outside.post(url, {"id": "1"}, secret)
        assert (await outside.ended_run(link))["state"] == "failed"


async def test_with_an_https_address_every_cookie_is_secure_however_the_request_came(tmp_path: Path) -> None:
    async with callers(tmp_path, roles=(), public_url="https://hub.example") as at:
        browser = at.stranger()
        signed_in = await browser.post("/sign-in", {"email": "mira@example.com", "password": PASSWORD})
        themed = await browser.post("/theme", {"to": "dark"})
        out = await browser.post("/sign-out")
    cookies = [*signed_in.cookies, *themed.cookies, *out.cookies]
    names = {cookie.partition("=")[0] for cookie in cookies}
    assert {"__Host-affluent", "__Host-affluent-device", "theme"} <= names
    assert [cookie for cookie in cookies if "secure" not in cookie.lower()] == []
