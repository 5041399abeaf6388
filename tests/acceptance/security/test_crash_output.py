"""What a process leaves behind when it crashes: where it stood, and no secret."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import aiohttp

from tests.acceptance.process import new_token, started

MASTER_KEY = "5a" * 32
PASSWORD = "a password that must not be seen"
SIGNING_SECRET = "a signing secret that must not be seen"


async def test_a_crash_says_where_it_stood_without_a_secret_and_leaves_no_core(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = {"PYTHONFAULTHANDLER": "1", "AFFLUENT_MASTER_KEY": MASTER_KEY}
    async with started("serve", "--port", "0", "--data-dir", str(data_dir), **environment) as (server, url):
        token = await new_token(server)
        async with asyncio.timeout(10):
            while not (links := re.findall(r"http\S+/welcome/\S+(?=\s)", server.output)):
                await asyncio.sleep(0.01)
        link = links[0]
        cookie = await use(url, token, link)
        limits = limits_of(server._process.pid)  # type: ignore[union-attr]  # it was started
        said_before = len(server.output)
        server._process.send_signal(signal.SIGABRT)  # type: ignore[union-attr]  # as above
        async with asyncio.timeout(20):
            await server._ended()
    crashed = server.output[said_before:]
    assert "Fatal Python error: Aborted" in crashed
    assert re.search(r"Max core file size\s+0\s", limits)
    left = cores_in(tmp_path)
    assert left == []
    for secret in (token, link.rpartition("/")[2], cookie, MASTER_KEY, PASSWORD, SIGNING_SECRET):
        assert secret not in crashed


def limits_of(pid: int) -> str:
    return Path(f"/proc/{pid}/limits").read_text()


def cores_in(folder: Path) -> list[Path]:
    """Pictures of a memory, there or where the process was started."""
    return [path for place in (folder, Path.cwd()) for path in place.glob("**/core*" if place == folder else "core*")]


async def use(url: str, token: str, link: str) -> str:
    """Bring secrets into its memory; returns the session."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": url}) as session:
        form = {"name": "Mira", "email": "mira@example.com", "password": PASSWORD}
        async with session.post(link, data=form) as answer:
            assert answer.status == 200
        body = {
            "app": "webhook", "name": "Out", "skip_test": True,
            "fields": {"url": "https://example.com/in", "signing_secret": SIGNING_SECRET},
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post(f"{url}/api/v1/connections", json=body, headers=headers) as answer:
            assert answer.status == 201
        return next(one.value for one in jar if one.key == "affluent")
