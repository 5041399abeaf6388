"""What this process counts, under the names that Prometheus, the dashboard and the alert rules use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_CALL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RUN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300)

registry = CollectorRegistry()
"""Ours only: no platform, no Python internals."""

events = Counter(
    "affluent_events", "Facts accepted, and repeats that were recognised", ["app", "is_new"], registry=registry
)
runs_queued = Counter("affluent_runs_queued", "Runs that accepted events started", registry=registry)
runs_ended = Counter(
    "affluent_runs_ended", "Runs that ended or wait, by where they stand then", ["state"], registry=registry
)
run_seconds = Histogram(
    "affluent_run_seconds", "From taking a run up to leaving it", buckets=_RUN_BUCKETS, registry=registry
)
tries = Counter(
    "affluent_tries", "Tries of steps, by what came of them", ["app", "action", "outcome"], registry=registry
)
effects = Counter("affluent_effects", "Writes, by their fate", ["app", "fate"], registry=registry)
vendor_calls = Counter("affluent_vendor_calls", "Requests to vendors", ["app", "status"], registry=registry)
vendor_errors = Counter("affluent_vendor_errors", "Tries that failed, by class", ["app", "class"], registry=registry)
call_seconds = Histogram(
    "affluent_vendor_call_seconds", "How long vendors took", ["app"], buckets=_CALL_BUCKETS, registry=registry
)
limit_waiting = Gauge(
    "affluent_limit_waiting", "Calls that wait for a vendor's limit", ["connection"], registry=registry
)
limit_slots = Counter("affluent_limit_slots", "Calls that a vendor's limit let go", ["connection"], registry=registry)
runs_unfinished = Gauge("affluent_runs_unfinished", "Runs that have not ended", ["state"], registry=registry)
queue_age = Gauge("affluent_queue_age_seconds", "For how long the oldest due run waits", registry=registry)
stalled = Gauge(
    "affluent_stalled_seconds", "For how long no run has moved although runs are due; 0: all is well", registry=registry
)
effects_open = Gauge("affluent_effects_open", "Writes of which nobody knows", ["fate"], registry=registry)
connections = Gauge("affluent_connections", "Connections by status", ["app", "status"], registry=registry)
forgotten = Counter("affluent_forgotten", "What retention has taken, in rows", ["kind"], registry=registry)
executing = Gauge("affluent_executing", "Runs that this process executes", registry=registry)

# Looking a child up by its labels costs more than counting; none of these metrics is ever cleared, so children stay good.
event: Callable[[str, str], Counter] = cache(events.labels)
run_ended: Callable[[str], Counter] = cache(runs_ended.labels)
tried: Callable[[str, str, str], Counter] = cache(tries.labels)
effect: Callable[[str, str], Counter] = cache(effects.labels)
vendor_called: Callable[[str, str], Counter] = cache(vendor_calls.labels)
vendor_error: Callable[[str, str], Counter] = cache(vendor_errors.labels)
call_lasted: Callable[[str], Histogram] = cache(call_seconds.labels)
