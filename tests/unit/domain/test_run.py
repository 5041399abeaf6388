"""The states of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.domain.run import FINISHED, MOVES, RESUMABLE, UNFINISHED, IllegalMove, RunState, move

STATES = st.sampled_from(sorted(RunState))


@given(STATES, STATES)
def test_a_move_is_allowed_by_the_table_or_refused_by_name(current, following):
    if following in MOVES[current]:
        assert move(current, following) is following
    else:
        with pytest.raises(IllegalMove, match=f"a {current} run cannot become {following}"):
            move(current, following)


def test_every_state_has_its_moves_and_is_either_finished_or_not():
    assert set(MOVES) == set(RunState) == FINISHED | UNFINISHED
    assert not FINISHED & UNFINISHED


@given(STATES)
def test_from_every_unfinished_state_the_end_can_be_reached(state):
    reached, edge = {state}, {state}
    while edge:
        edge = {following for current in edge for following in MOVES[current]} - reached
        reached |= edge
    assert state in FINISHED or reached >= FINISHED


def test_what_was_applied_is_never_queued_again_and_what_failed_always_can_be():
    assert not MOVES[RunState.SUCCEEDED]
    assert MOVES[RunState.SKIPPED] == {RunState.QUEUED}  # an outcome that is not final is taken up again
    assert all(RunState.QUEUED in MOVES[state] for state in RESUMABLE)


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_every_unfinished_run_can_be_cancelled(state):
    assert RunState.CANCELLED in MOVES[state]
