"""/metrics over a whole server: a webhook leaves its traces, and only who may reads them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from affluent.server.process import address, bind, serving
from affluent.server.scrape import metrics_application
from affluent.services.identity.throttle import UNKNOWN_PER_MINUTE
from affluent.settings import Settings
from tests.support.product import product


async def scraped(outside, **headers: str) -> tuple[int, str]:
    async with outside.session.get(f"{outside.url}/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


@asynccontextmanager
async def scraping(settings: Settings) -> AsyncIterator[Callable[..., Awaitable[tuple[int, str]]]]:
    """What `affluent worker --metrics-port` answers; a function that asks it."""

    async def text() -> bytes:
        return b"affluent_up 1\n"

    sock = bind("127.0.0.1", 0)
    async with serving(metrics_application(settings, text), [sock]), aiohttp.ClientSession() as client:

        async def get(path: str = "/metrics", **headers: str) -> tuple[int, str]:
            async with client.get(f"{address(sock)}{path}", headers=headers) as answer:
                return answer.status, await answer.text()

        yield get


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_a_webhook_is_counted_from_its_arrival_to_the_vendors_answer(database_url: str, tmp_path: Path) -> None:
    async with product(database_url, tmp_path) as outside:
        _, before = await scraped(outside)
        request = {"method": "GET", "url": f"{outside.url}/healthz"}
        step = {"id": "call", "app": "http", "action": "request", "inputs": request}
        link, url, secret = await outside.connected([step])
        await outside.post(url, {"id": "1"}, secret)
        await outside.post(url, {"id": "1"}, secret)
        await outside.ended_run(link)
        status, after = await scraped(outside)
    assert status == 200

    def grown(name: str) -> float:
        return value(after, name) - value(before, name)

    assert grown('affluent_events_total{app="webhook",is_new="true"}') == 1
    assert grown("affluent_runs_queued_total") == 1
    assert grown('affluent_runs_ended_total{state="succeeded"}') == 1
    assert grown('affluent_vendor_calls_total{app="http",status="200"}') == 1
    assert grown("affluent_run_seconds_count") == 1
    assert value(after, 'affluent_runs_unfinished{state="queued"}') == 0


async def test_a_token_is_asked_for_when_one_is_set(database_url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AFFLUENT_METRICS_TOKEN", "scrape-me")
    async with product(database_url, tmp_path) as outside:
        assert (await scraped(outside))[0] == 401
        assert (await scraped(outside, Authorization="Bearer scrape-me"))[0] == 200


async def test_a_worker_asks_for_the_token_as_the_server_does() -> None:
    settings = Settings(metrics_token=SecretStr("scrape-me"))
    async with scraping(settings) as get:
        assert (await get())[0] == 401
        assert (await get(Authorization="Bearer guess"))[0] == 401
        assert await get(Authorization="Bearer scrape-me") == (200, "affluent_up 1\n")


async def test_the_token_is_not_guessed() -> None:
    async with scraping(Settings(metrics_token=SecretStr("scrape-me"))) as get:
        statuses = [(await get(Authorization=f"Bearer {number}"))[0] for number in range(UNKNOWN_PER_MINUTE + 20)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_a_worker_without_a_token_answers_everybody_and_nothing_but_its_metrics() -> None:
    async with scraping(Settings()) as get:
        assert (await get())[0] == 200
        assert (await get(path="/"))[0] == 404
