"""When a step is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.retry import DEFAULT, POLICIES, RetryPolicy, policy_for

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHANCE = st.floats(0, 1, exclude_max=True)
AFTER = st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=7)))
POLICY = st.sampled_from([DEFAULT, *POLICIES.values()])


@given(POLICY, st.integers(1, 10_000), st.timedeltas(timedelta(), timedelta(days=3)), AFTER, CHANCE)
def test_the_next_try_is_later_within_the_limit_and_never_before_the_vendors_wish(policy, tries, ago, after, chance):
    first = NOW - ago
    at = policy.next_at(now=NOW, tries=tries, first_failed_at=first, retry_after=after, chance=chance)
    if at is None:
        assert ago >= policy.give_up_after or NOW + max(after or timedelta(), timedelta(milliseconds=50)) > (
            first + policy.give_up_after
        )
    else:
        assert NOW < at <= first + policy.give_up_after
        assert at >= NOW + (after or timedelta())
        assert at - NOW <= max(policy.longest, after or timedelta()) + policy.longest * 0.1


@given(POLICY, st.integers(1, 40), CHANCE)
def test_without_a_wish_the_delay_is_jittered_over_the_whole_exponential_step(policy, tries, chance):
    at = policy.next_at(now=NOW, tries=tries, first_failed_at=NOW, retry_after=None, chance=chance)
    ceiling = min(policy.first * policy.factor ** min(tries - 1, 30), policy.longest)
    assert at is not None
    assert at - NOW <= max(ceiling, timedelta(milliseconds=50) + ceiling * 0.1)


@given(st.lists(CHANCE, min_size=1, max_size=3_000), POLICY)
def test_a_step_that_always_fails_is_given_up_in_the_end(chances, policy):
    now = NOW
    for tries, chance in enumerate(chances, start=1):
        following = policy.next_at(now=now, tries=tries, first_failed_at=NOW, retry_after=None, chance=chance)
        if following is None:
            break
        now = following
    assert now - NOW <= policy.give_up_after


def test_a_clock_that_stepped_back_still_gives_a_later_time():
    at = RetryPolicy().next_at(now=NOW - timedelta(hours=1), tries=3, first_failed_at=NOW, retry_after=None, chance=0.5)
    assert at is not None
    assert NOW - timedelta(hours=1) < at < NOW


def test_an_error_class_without_its_own_policy_has_the_usual_one():
    assert policy_for("something_new") is DEFAULT
    assert policy_for("rate_limited").longest < policy_for("unavailable").longest
