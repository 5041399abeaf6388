"""Builds what the demo's story is played on: the server, the twins, the connections and the flows; and plays it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

from affluent.bootstrap import Hub, build
from affluent.catalog import load
from affluent.demo.comparison import Result, compare
from affluent.demo.connections import Wiring
from affluent.demo.story import WEBHOOK_SECRET, Story
from affluent.demo.world import Outside
from affluent.kit import clock
from affluent.kit.jsons import JSONObject
from affluent.server.process import address, bind, running, serving
from affluent.server.twins import hush, twins_application
from affluent.settings import Settings

_OUTAGE_SECONDS = 5.0
FLOWS: dict[str, JSONObject] = {
    "sync_new_accounts": {},
    "track_referral_sale": {"default_plan": "Growth, partner 15% off"},
    "track_refund": {},
    "track_cancellation_archived": {},
    "track_cancellation": {},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the story is played on."""

    hub: Hub
    wiring: Wiring
    outside: Outside


@asynccontextmanager
async def stage(settings: Settings, *, ports: tuple[int, int] = (0, 0)) -> AsyncIterator[Stage]:
    """A server and the twins, connected and with the flows switched on. `ports`: of server and twins; 0: any free one."""
    server, vendors = bind("127.0.0.1", ports[0]), bind("127.0.0.1", ports[1])
    hub = build(settings, own_url=address(server))
    twins_url = address(vendors)
    async with serving(twins_application(load().twins()), [vendors]), running(hub, server):
        hush()
        token = await hub.tokens.generate(name="Demo", scopes=("*:write",), created_by="demo")
        wiring = Wiring(hub)
        await _connect(wiring, twins_url, token.secret)
        async with Outside(f"{hub.server_url}/togai", token.secret, twins_url) as outside:
            yield Stage(hub=hub, wiring=wiring, outside=outside)


async def play(on: Stage, say: Callable[[str], None], *, started: float) -> tuple[Result, dict[str, int]]:
    """Play the story. Returns what it led to, and the money that reconciliation cannot explain, by currency in minor units.

    `started`: when the demo began, by perf_counter().
    """
    say("The server and the twins are up")
    await Story(on.hub, on.wiring, on.outside, say, outage_seconds=_OUTAGE_SECONDS).play()
    records = {app: await on.outside.records(app) for app in ("firstpromoter", "razorpay")}
    result = await compare(on.hub, records, seconds=perf_counter() - started)
    return result, await _reconcile(on.hub)


async def _reconcile(hub: Hub) -> dict[str, int]:
    """Compare this month's books to the minor unit, as the page shows it; returns what nobody can explain, by currency."""
    today = clock.now().date()
    statement = await hub.reconciliation.begin(today.replace(day=1), today, author="demo")
    done = await hub.reconciliation.run(statement.id)
    if done.phase != "done":
        raise RuntimeError(f"The month could not be reconciled: {done.sentence}")
    return done.remainder


async def _connect(wiring: Wiring, twins_url: str, secret: str) -> None:
    await wiring.connect("togai", "Billing workspace", secret_key=secret)
    await wiring.connect(
        "firstpromoter",
        "FirstPromoter twin",
        api_key="fp_demo_key",
        account_id="demo-account",
        base_url=f"{twins_url}/firstpromoter/api/v2",
    )
    await wiring.connect(
        "razorpay",
        "Razorpay twin",
        key_id="rzp_test_demo0000000000",
        key_secret="demo-key-secret",  # noqa: S106 - of a twin that lives as long as the demo
        webhook_secret=WEBHOOK_SECRET,
        base_url=f"{twins_url}/razorpay",
    )
    for key, inputs in FLOWS.items():
        await wiring.switch_on(key, **inputs)
