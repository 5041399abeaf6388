"""Traces: a collector gets the run of an event, its step and the call to the vendor, in one trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.product import product
from tests.support.serving import answering


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[Any]]]:
    """A collector on a local port, and the spans that it got."""
    spans: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        said = ExportTraceServiceRequest.FromString(await request.read())
        spans.extend(span for one in said.resource_spans for scope in one.scope_spans for span in scope.spans)
        return web.Response()

    server = web.Application()
    server.router.add_post("/v1/traces", take)
    async with answering(server) as url:
        yield f"{url}/v1/traces", spans


async def test_a_run_is_traced_down_to_the_call(database_url: str, tmp_path: Path) -> None:
    async with collector() as (url, spans), product(database_url, tmp_path, otlp_url=url) as outside:
        request = {"method": "GET", "url": f"{outside.url}/healthz"}
        step = {"id": "call", "app": "http", "action": "request", "inputs": request}
        link, hook, secret = await outside.connected([step])
        await outside.post(hook, {"id": "1"}, secret)
        ended = await outside.ended_run(link)
    by_name = {span.name: span for span in spans}
    run = next(span for span in spans if span.name.startswith("run "))
    tried, call = by_name["http.request"], next(span for span in spans if span.name.startswith("GET "))
    assert {one.key: one.value.string_value for one in run.attributes}["affluent.run"] == ended["id"]
    assert len({span.trace_id for span in (run, tried, call)}) == 1
    assert tried.parent_span_id == run.span_id
    assert call.parent_span_id == tried.span_id
    assert run.start_time_unix_nano <= tried.start_time_unix_nano <= call.start_time_unix_nano
    assert call.end_time_unix_nano <= tried.end_time_unix_nano <= run.end_time_unix_nano
