"""Runs as a state machine: which states there are and which moves are allowed.

queued ──claim──▶ running ──▶ succeeded | skipped | failed | unknown | cancelled
  ▲                 │
  │                 ├──▶ waiting   (retry later; due at its own time) ──▶ running
  │                 └──▶ paused    (its connection needs attention)
  └──release/resume─┴───────────── paused, failed, unknown, cancelled; skipped, when an outcome is taken up again
"""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


FINISHED = frozenset({RunState.SUCCEEDED, RunState.SKIPPED, RunState.FAILED, RunState.UNKNOWN, RunState.CANCELLED})
UNFINISHED = frozenset(RunState) - FINISHED
RESUMABLE = frozenset({RunState.FAILED, RunState.UNKNOWN, RunState.CANCELLED, RunState.PAUSED, RunState.WAITING})

MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.WAITING: frozenset({RunState.RUNNING, RunState.QUEUED, RunState.CANCELLED}),
    RunState.PAUSED: frozenset({RunState.QUEUED, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(RunState) - {RunState.RUNNING},
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.UNKNOWN: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.SKIPPED: frozenset({RunState.QUEUED}),
}


class IllegalMove(ValueError):
    """A run cannot go from one state to the other."""


def move(current: RunState, following: RunState) -> RunState:
    """The following state, or IllegalMove."""
    if following not in MOVES[current]:
        raise IllegalMove(f"a {current} run cannot become {following}")
    return following


class StepState(StrEnum):
    """Where a step of a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How one step, or one try of it, ended."""

    APPLIED = "applied"
    READ = "read"
    ALREADY_APPLIED = "already_applied"
    NOT_APPLICABLE = "not_applicable"
    CONDITION_FALSE = "condition_false"
    REJECTED = "rejected"
    RETRY = "retry"
    AUTH_FAILED = "auth_failed"
    HELD = "held"
    """Another effect goes before it."""
    UNKNOWN = "unknown"
    CRASHED = "crashed"


class Fate(StrEnum):
    """What became of an effect."""

    HELD = "held"
    """It waits for another effect; nothing was sent."""
    INTENDED = "intended"
    APPLIED = "applied"
    ALREADY_APPLIED = "already_applied"
    NOT_APPLICABLE = "not_applicable"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DROPPED = "dropped"
    """There is nothing to tell, for a reason; nothing was sent."""


SETTLED_AS_DONE = frozenset({Fate.APPLIED, Fate.ALREADY_APPLIED})
