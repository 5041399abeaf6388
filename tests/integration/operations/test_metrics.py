"""/metrics over a whole server: a webhook leaves its traces, and only who may reads them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.product import product


async def scraped(outside, **headers: str) -> tuple[int, str]:
    async with outside.session.get(f"{outside.url}/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


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
