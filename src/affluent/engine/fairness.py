"""Fair shares between flow connections: start-time fair queueing with one number per run.

Every run gets a rank one past the last of its own flow connection, or of what is being served now, whichever is later. Runs are
taken by rank, so ten thousand events of one flow connection delay another's next event by one run, not by ten thousand.
"""

from __future__ import annotations


class FairClock:
    """Hands out ranks. One per process; from the queue it learns how far other processes, and earlier ones, have got."""

    def __init__(self) -> None:
        self._served = 0
        self._last: dict[str, int] = {}

    def rank(self, flow_connection_id: str) -> int:
        """The rank of the next run of this flow connection."""
        following = max(self._last.get(flow_connection_id, 0), self._served) + 1
        self._last[flow_connection_id] = following
        return following

    def served(self, rank: int) -> None:
        """Note that a run of this rank was taken."""
        self._served = max(self._served, rank)
        if len(self._last) > 1_000:
            self._last = {key: last for key, last in self._last.items() if last > self._served}

    def observe(self, following: int | None) -> None:
        """Note the rank that is next in the queue. None: no run waits, so all flow connections start equal again."""
        if following is None:
            self._last.clear()
        else:
            self._served = following
