"""Lets a server run under load with faults on each store and watches what must stay flat: memory, files, the time of a run.

`make soak`, or `python -m scripts.soak --seconds 60`. Exit code 1: something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from affluent.kit.jsons import dumps
from tests.acceptance.process import Caller, calling, started
from tests.acceptance.test_commands import printed_token
from tests.postgres import running_server

_ROUND_SECONDS = 5.0
_PER_ROUND = 50
_FAULTS = (("fail", {"status": 503, "times": 20}), ("drop", {"times": 3}), ("heal", {}))
_MOST_GROWTH = 1.25
_MOST_FILES = 30
_WARM_UP = 0.25


@dataclass(slots=True)
class Watched:
    """One sample per round."""

    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def sample(self, pid: int) -> None:
        """Look at the process now."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        self.files.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))

    def growth(self) -> list[str]:
        """What was not flat, comparing the end with what came after the warm-up."""
        found = []
        for name, values in (("memory", self.memory), ("latency", self.seconds)):
            start = int(len(values) * _WARM_UP)
            part = max(1, (len(values) - start) // 4)
            if len(values) - start < 2 * part:
                found.append(f"{name}: too few samples, {len(values)}")
                continue
            before, after = median(values[start : start + part]), median(values[-part:])
            if after > before * _MOST_GROWTH:
                found.append(f"{name} grew from {before:.2f} to {after:.2f}")
        first = self.files[int(len(self.files) * _WARM_UP)]
        if self.files[-1] - first > _MOST_FILES:
            found.append(f"open files grew from {first} to {self.files[-1]}")
        return found


async def soak(database_url: str, seconds: float) -> tuple[Watched, int]:
    """Load with faults for so long; the samples and how many runs did not end well."""
    watched, sent = Watched(), 0
    with tempfile.TemporaryDirectory(prefix="affluent-soak-") as folder:
        store = ["--database-url", database_url] if database_url else []
        data = ["--data-dir", folder, "--port", "0", *store]
        async with (
            started("twins", "--port", "0") as (_, twins_url),
            started("serve", *data, AFFLUENT_ALLOW_PRIVATE_ADDRESSES="true") as (server, url),
            calling(url, await printed_token(server)) as call,
        ):
            twin = twins_url.removesuffix("/").removesuffix("/firstpromoter") + "/firstpromoter"
            link = await _connect(call, twin)
            ends, turn = perf_counter() + seconds, 0
            while perf_counter() < ends:
                switch, said = _FAULTS[turn % len(_FAULTS)]
                async with call.session.post(f"{twin}/_twin/{switch}", data=dumps(said)) as answer:
                    answer.raise_for_status()
                begun = perf_counter()
                await asyncio.gather(*(_trigger(call, link, sent + number) for number in range(_PER_ROUND)))
                sent, turn = sent + _PER_ROUND, turn + 1
                await _settled(call, ends + 120)
                process = server._process  # noqa: SLF001 - whose memory is watched
                if process is not None:
                    watched.sample(process.pid)
                if switch == "heal":  # the other rounds last as long as retries wait
                    watched.seconds.append(perf_counter() - begun)
                await asyncio.sleep(max(0.0, _ROUND_SECONDS - (perf_counter() - begun)))
            failed = await call("GET", "/api/v1/runs?states=failed&limit=200")
            return watched, len(failed["items"])


async def _connect(call: Caller, twin: str) -> str:
    fields = {"api_key": "fp_soak_key", "account_id": "soak", "base_url": f"{twin}/api/v2"}
    made = await call("POST", "/api/v1/connections", {"app": "firstpromoter", "name": "Soak", "fields": fields})
    inputs = {"uid": "{{ trigger.body.uid }}", "email": "{{ trigger.body.email }}", "tid": "tid_001"}
    definition = {
        "name": "Soak",
        "type": "inbound",
        "trigger": {"app": "webhook", "trigger": "received"},
        "steps": [{"id": "sign_up", "app": "firstpromoter", "action": "track_signup", "inputs": inputs}],
    }
    flow = await call("POST", "/api/v1/flows", {"definition": definition, "publish": True})
    wanted = {"flow_id": flow["flow"]["id"], "name": "Soak", "bindings": {"sign_up": made["id"]}}
    return str((await call("POST", "/api/v1/flow-connections", wanted))["flow_connection"]["id"])


async def _trigger(call: Caller, link: str, number: int) -> None:
    body = {"uid": f"soak-{number}", "email": f"soak-{number}@example.com"}
    payload = {"body": body, "headers": {}, "method": "POST", "query": {}}
    await call("POST", f"/api/v1/flow-connections/{link}/trigger", {"payload": payload})


async def _settled(call: Caller, until: float) -> None:
    states = "&".join(f"states={state}" for state in ("queued", "running", "waiting"))
    while perf_counter() < until and (await call("GET", f"/api/v1/runs?{states}&limit=1"))["items"]:
        await asyncio.sleep(0.1)


def main() -> int:
    """Both stores, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900, help="for each store")
    seconds = parser.parse_args().seconds
    trouble = _report("SQLite", asyncio.run(soak("", seconds)))
    with running_server() as server, server.database() as url:
        trouble += _report("PostgreSQL", asyncio.run(soak(url, seconds)))
    return 1 if trouble else 0


def _report(name: str, found: tuple[Watched, int]) -> int:
    watched, failed = found
    growth = watched.growth() if watched.memory else ["nothing was measured"]
    memory, files = (
        f"{values[0]:.0f} to {values[-1]:.0f}" if values else "-" for values in (watched.memory, watched.files)
    )
    verdict = "; ".join([*growth, *([f"{failed} runs failed"] if failed else [])]) or "flat"
    sys.stdout.write(f"{name}: {len(watched.memory)} samples, memory {memory} MB, open files {files}: {verdict}\n")
    return len(growth) + bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
