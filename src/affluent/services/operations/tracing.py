"""Traces by OpenTelemetry: an event is a trace, its runs are spans, below them steps and the calls to vendors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING

from affluent.engine.leases import LeasedRun
from affluent.engine.plans import PlannedStep
from affluent.engine.step_attempt import StepAttempt
from affluent.kit.jsons import JSONValue
from affluent.services.operations.metrics import CountingSteps, TimedExecutor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

_FLUSH_MILLISECONDS = 2000


class Tracing:
    """Makes spans and hands them to a collector. The libraries are loaded only when there is one."""

    def __init__(self, url: str = "", *, exporter: SpanExporter | None = None) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - 10 MB that few need
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415 - as above

        self._provider = TracerProvider(resource=Resource({"service.name": "affluent"}), shutdown_on_exit=False)
        if exporter is not None:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above

            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self._tracer: Tracer = self._provider.get_tracer("affluent")

    @contextmanager
    def run(self, run: LeasedRun) -> Iterator[None]:
        """The span of one execution of a run, in the trace of its event."""
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context  # noqa: PLC0415 - as above

        digest = hashlib.sha256(run.event_id.encode()).digest()
        event = SpanContext(
            trace_id=int.from_bytes(digest[:16]),
            span_id=int.from_bytes(digest[16:24]),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
        named = {"affluent.run": run.id, "affluent.event": run.event_id, "affluent.flow": run.flow_id}
        with self._tracer.start_as_current_span(
            f"run {run.event_type}", context=set_span_in_context(NonRecordingSpan(event)), attributes=named
        ):
            yield

    def step(self, planned: PlannedStep, attempt: StepAttempt, started: int) -> None:
        """The span of a try that has ended, with one for each call to the vendor; times are those of the calls."""
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - as above

        name = f"{planned.app.key}.{planned.action.key}"
        span = self._tracer.start_span(name, start_time=started, attributes={"affluent.outcome": attempt.outcome.value})
        ends = time_ns()
        begins = ends - sum(_nanoseconds(exchange) for exchange in attempt.exchanges)
        for exchange in attempt.exchanges:
            call = self._tracer.start_span(
                f"{exchange['method']} {planned.app.title}",
                context=set_span_in_context(span),
                start_time=max(begins, started),
                attributes={
                    "http.request.method": exchange["method"],
                    "http.response.status_code": exchange.get("status", 0),
                },
            )
            begins += _nanoseconds(exchange)
            call.end(begins)
        span.end(ends)

    def close(self) -> None:
        """Hand over what is left."""
        self._provider.force_flush(_FLUSH_MILLISECONDS)
        self._provider.shutdown()


class TracedExecutor(TimedExecutor):
    """Opens the span of every run."""

    tracing: Tracing

    async def execute(self, run: LeasedRun) -> None:
        """As TimedExecutor."""
        with self.tracing.run(run):
            await super().execute(run)


class TracedSteps(CountingSteps):
    """Adds a span for every try."""

    tracing: Tracing

    async def attempt(
        self, run: LeasedRun, planned: PlannedStep, position: int, data: Mapping[str, JSONValue]
    ) -> StepAttempt:
        """As CountingSteps."""
        started = time_ns()
        attempt = await super().attempt(run, planned, position, data)
        self.tracing.step(planned, attempt, started)
        return attempt


def _nanoseconds(exchange: Mapping[str, JSONValue]) -> int:
    return int(exchange.get("milliseconds", 0)) * 1_000_000
