"""Fair shares between flow connections."""

from __future__ import annotations

from affluent.engine.fairness import FairClock


def test_ten_thousand_runs_of_one_delay_the_next_of_another_by_one():
    fair = FairClock()
    flood = [fair.rank("busy") for _ in range(10_000)]
    assert fair.rank("quiet") == flood[0]


def test_a_run_that_comes_late_starts_at_what_is_served_now():
    fair = FairClock()
    for _ in range(100):
        fair.served(fair.rank("busy"))
    assert fair.rank("quiet") == 101


def test_one_flow_connection_keeps_its_own_order():
    fair = FairClock()
    ranks = [fair.rank("a") for _ in range(5)]
    assert ranks == sorted(set(ranks))


def test_a_process_that_starts_anew_queues_behind_what_was_there_and_not_before_it():
    clock = FairClock()
    clock.observe(5_000)
    assert clock.rank("old") == 5_001


def test_an_empty_queue_ends_old_advantages():
    clock = FairClock()
    for _ in range(1_000):
        clock.rank("busy")
    clock.observe(None)
    assert clock.rank("busy") == clock.rank("quiet") == 1
