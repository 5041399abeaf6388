"""After a whole story no secret is found in the database, the logs, pages, API answers, exports or error reports."""

from __future__ import annotations

import re
import secrets as chance
import sqlite3
import urllib.parse
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest

from affluent.bootstrap import Hub
from affluent.demo import stage as demo
from affluent.demo.stage import Stage
from affluent.demo.story import WEBHOOK_SECRET, Story
from affluent.kit import clock, logs
from affluent.kit.jsons import loads
from affluent.settings import Settings
from tests.acceptance.process import command

PASSWORD = "a password that must not be seen " + chance.token_hex(6)
VENDOR_SECRETS = {"fp_demo_key": "FirstPromoter", "demo-key-secret": "Razorpay", WEBHOOK_SECRET: "Razorpay's webhooks"}
ID = re.compile(r"[a-z]{3}[_.][0-9A-Z]{26}|[A-Z]{3}-[0-9]+|(?<=actions/|riggers/)\w+")
MOST_OF_A_SHAPE = 4
"""Pages that differ in an id or in what was filtered only; twenty customers' are alike."""
BODY = b"\xff{ not json"


@dataclass
class Haul:
    """Everything that was said, by where."""

    texts: dict[str, bytes] = field(default_factory=dict)

    def add(self, where: str, text: bytes | str) -> None:
        self.texts[where] = text.encode() if isinstance(text, str) else text

    def holding(self, secret: str) -> list[str]:
        """Where a secret is found, as it is or as addresses and base64 write it."""
        forms = {
            secret.encode(),
            urllib.parse.quote(secret, safe="").encode(),
            urllib.parse.quote_plus(secret).encode(),
        }
        return [where for where, text in self.texts.items() if any(form in text for form in forms)]


@asynccontextmanager
async def stage(data_dir: Path) -> AsyncIterator[Stage]:
    settings = Settings(data_dir=data_dir, allow_private_addresses=True, database_url="")
    async with demo.stage(settings) as it:
        logs.configure(level="debug")
        yield it


async def signed_in(hub: Hub, session: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """The owner, with a second factor; returns the secrets that came up."""
    link = await hub.people.first_link()
    headers = {"Origin": url}
    form = {"name": "Mira", "email": "mira@example.com", "password": PASSWORD}
    async with session.post(link, data=form, headers=headers) as answer:
        assert answer.status == 200
    async with session.get(f"{url}/account/second-factor") as answer:
        totp = re.findall(r'name="secret" value="(\w+)"', await answer.text())[0]
    code = pyotp.TOTP(totp).at(clock.now())
    async with session.post(
        f"{url}/account/second-factor", data={"secret": totp, "code": code, "password": PASSWORD}, headers=headers
    ) as answer:
        recovery = re.findall(r"\b[2-9A-Z]{5}-[2-9A-Z]{5}\b", await answer.text())[0]
    async with session.post(
        f"{url}/admin/tokens", data={"name": "Seen once", "scope": "*:read", "lives": ""}, headers=headers
    ) as answer:
        token = re.findall(r"<code>(aff_[\w-]+)</code>", await answer.text())[0]
    async with session.post(
        f"{url}/admin/users",
        data={"name": "Noor", "email": "noor@example.com", "role": "analyst"}, headers=headers,
    ) as answer:  # fmt: skip
        invitation = re.findall(r"/invitation/([\w-]+)", await answer.text())[0]
    cookie = next(one.value for one in session.cookie_jar if one.key == "affluent")
    used = link.rpartition("/")[2]
    return {
        PASSWORD: "the password", totp: "the second factor", recovery: "a recovery code", token: "a token",
        invitation: "an invitation", cookie: "the session", used: "the first link",
    }  # fmt: skip


def shape(path: str) -> str:
    """The address without what differs from page to page of the same kind."""
    address, _, query = path.partition("?")
    names = sorted(urllib.parse.parse_qs(query, keep_blank_values=True))
    return f"{ID.sub('*', address)}?{'&'.join(names)}"


async def crawl(session: aiohttp.ClientSession, url: str, haul: Haul) -> None:
    """Every page that can be reached by links, some of each shape."""
    waiting = ["/", "/account", "/admin/audit", "/admin/users", "/admin/settings", "/admin/tokens"]
    found, shapes = set(waiting), Counter[str]()
    while waiting:
        path = waiting.pop(0)
        if shapes[shape(path)] == MOST_OF_A_SHAPE or path.startswith("/account/second-factor"):  # shows a new secret
            continue
        shapes[shape(path)] += 1
        async with session.get(url + path) as answer:
            body = await answer.read()
        assert answer.status < 500, path
        haul.add(f"page {path}", str(answer.headers).encode() + body)
        if answer.content_type == "text/html":
            links = {unescape(link) for link in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', body.decode())}
            new = [link for link in sorted(links - found) if not link.startswith(("/static/", "/sign-out", "//"))]
            found.update(new)
            waiting += new
    assert len(shapes) > 40


async def ask_everything(session: aiohttp.ClientSession, url: str, token: str, haul: Haul) -> None:
    """Every GET of the REST API, and the single things its lists name."""
    headers = {"Authorization": f"Bearer {token}"}
    async with session.get(f"{url}/api/v1/openapi.json") as answer:
        paths = loads(await answer.read())["paths"]
    lists = [path for path, operations in paths.items() if "get" in operations and "{" not in path]
    for path in lists:
        body = await ask(session, f"{url}/api/v1{path}?limit=200", headers, haul)
        items = body.get("items", []) if isinstance(body, dict) else body if isinstance(body, list) else []
        single = next(
            (one for one in paths if re.fullmatch(re.escape(path) + r"/\{\w+\}", one) and "get" in paths[one]), ""
        )
        for item in items[:8] if single else []:
            identity = item.get("id") or item.get("key") if isinstance(item, dict) else ""
            if identity:
                await ask(session, f"{url}/api/v1{path}/{identity}", headers, haul)
    for path in ("customers", "accounts", "settings", "price_plans", "invoices", "payments", "credits"):
        await ask(session, f"{url}/togai/{path}", headers, haul)


async def ask(session: aiohttp.ClientSession, address: str, headers: dict[str, str], haul: Haul) -> Any:
    async with session.get(address, headers=headers) as answer:
        body = await answer.read()
    assert answer.status < 500, address
    haul.add(f"API {address}", body)
    return loads(body) if "json" in answer.content_type else None


async def make_mistakes(stage: Stage, session: aiohttp.ClientSession, url: str, token: str, haul: Haul) -> None:
    """Refusals and a defect, which are said and logged."""
    bearer = {"Authorization": f"Bearer {token}"}
    wrong = {"app": "firstpromoter", "name": "Wrong", "fields": {"api_key": "fp_demo_key", "account_id": ""}}
    tries: Iterable[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/connections", {"json": wrong, "headers": bearer}),
        ("POST", "/api/v1/connections", {"data": BODY, "headers": {**bearer, "Content-Type": "application/json"}}),
        ("POST", "/togai/customers", {"data": BODY, "headers": bearer}),
        ("GET", "/api/v1/runs", {"headers": {"Authorization": f"Bearer {token}x"}}),
        ("POST", "/sign-in", {"data": {"email": PASSWORD, "password": PASSWORD}, "headers": {"Origin": url}}),
        (
            "POST",
            "/account/password",
            {"data": {"current_password": PASSWORD, "new_password": "x"}, "headers": {"Origin": url}},
        ),
    ]
    for method, path, more in tries:
        async with session.request(method, url + path, **more) as answer:
            if path != "/sign-in":  # gives back what was typed as the address, to whom typed it
                haul.add(f"refusal {method} {path} {answer.status}", await answer.read())
    kept = stage.hub.runs.counts

    async def broken(*_: Any) -> Any:
        password, key = PASSWORD, token  # the traceback of a defect must not show what variables held
        raise RuntimeError(f"a defect of {len(password + key)} characters")

    stage.hub.runs.counts = broken  # type: ignore[method-assign]  # a defect, made on purpose
    for path, headers in (("/", {}), ("/api/v1/runs", bearer)):
        async with session.get(url + path, headers=headers) as answer:
            haul.add(f"error report {path} {answer.status}", await answer.read())
    stage.hub.runs.counts = kept  # type: ignore[method-assign]  # mended again


async def commands(data_dir: Path, haul: Haul) -> None:
    """What the command line says of the same data."""
    for arguments in (
        ("runs", "list", "--json"), ("tokens", "list", "--json"), ("users", "list", "--json"),
        ("audit", "export"), ("audit", "export", "--json"), ("audit", "verify"), ("keys", "list"), ("flows", "list"),
    ):  # fmt: skip
        said = await command(*arguments, "--data-dir", str(data_dir))
        haul.add(f"command {' '.join(arguments)}", said.output)


def dump(data_dir: Path, haul: Haul) -> None:
    """The database as text and as the bytes of all files beside it."""
    with closing(sqlite3.connect(data_dir / "affluent.db")) as connection:
        haul.add("database dump", "\n".join(connection.iterdump()))
    for path in data_dir.iterdir():
        if path.is_file() and path.name != "master.key":
            haul.add(f"file {path.name}", path.read_bytes())


@pytest.mark.timeout(300)
async def test_no_secret_is_found_anywhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    haul, data_dir = Haul(), tmp_path / "data"
    async with stage(data_dir) as it, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        url = it.hub.server_url
        story = Story(it.hub, it.wiring, it.outside, lambda text: haul.add(f"said {text}", text), outage_seconds=1)
        await story.play()
        secrets = {**VENDOR_SECRETS, **await signed_in(it.hub, session, url)}
        token = next(secret for secret in secrets if secret.startswith("aff_"))
        await make_mistakes(it, session, url, token, haul)
        await crawl(session, url, haul)
        await ask_everything(session, url, token, haul)
        async with session.get(f"{url}/admin/audit/export") as answer:
            haul.add("export", await answer.read())
        dump(data_dir, haul)
    await commands(data_dir, haul)
    dump(data_dir, haul)
    haul.add("log", "".join(capfd.readouterr()))
    secrets[(data_dir / "master.key").read_text().strip()] = "the master key"
    assert "RuntimeError: a defect" in haul.texts["log"].decode()
    assert len(haul.texts) > 100
    found = {name: haul.holding(secret) for secret, name in secrets.items()}
    assert {name: places for name, places in found.items() if places} == {}
