"""The circuit breaker; time is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from affluent.engine.circuit_breaker import CircuitBreaker

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def opened():
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker.failed("con_1", NOW)
    return breaker


def test_a_few_failures_do_not_open_it():
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker.failed("con_1", NOW)
    assert breaker.blocked_until("con_1", NOW) is None


def test_five_failures_in_a_row_open_it_for_this_connection_alone():
    breaker = opened()
    assert breaker.blocked_until("con_1", NOW) == NOW + timedelta(seconds=1)
    assert breaker.blocked_until("con_2", NOW) is None


def test_after_the_pause_one_call_probes_and_the_others_wait():
    breaker, later = opened(), NOW + timedelta(seconds=2)
    assert breaker.blocked_until("con_1", later) is None
    assert breaker.blocked_until("con_1", later) is not None


def test_an_answer_closes_it():
    breaker, later = opened(), NOW + timedelta(seconds=2)
    breaker.blocked_until("con_1", later)
    breaker.answered("con_1")
    assert breaker.blocked_until("con_1", later) is None


def test_a_failed_probe_doubles_the_pause():
    breaker, later = opened(), NOW + timedelta(seconds=2)
    breaker.blocked_until("con_1", later)
    breaker.failed("con_1", later)
    assert breaker.blocked_until("con_1", later) == later + timedelta(seconds=2)


def test_a_probe_that_was_not_made_lets_the_next_one_probe():
    breaker, later = opened(), NOW + timedelta(seconds=2)
    breaker.blocked_until("con_1", later)
    breaker.abandoned("con_1")
    assert breaker.blocked_until("con_1", later) is None


def test_a_clock_that_steps_back_an_hour_does_not_keep_it_open():
    breaker = opened()
    assert breaker.blocked_until("con_1", NOW - timedelta(hours=1)) is None
