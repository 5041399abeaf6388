"""A circuit breaker per connection: a vendor that is down is left alone, then tried with one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_FAILURES_TO_OPEN = 5
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(seconds=30)


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    pause: timedelta = _FIRST_PAUSE
    open_until: datetime | None = None
    is_probing: bool = False


class CircuitBreaker:
    """Remembers, per connection, whether its vendor answers. Time comes in as an argument."""

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}

    def blocked_until(self, connection_id: str, now: datetime) -> datetime | None:
        """When a call may be tried again, or None when it may be made now. The first caller after a pause is the probe."""
        circuit = self._circuits.get(connection_id)
        if circuit is None or circuit.open_until is None:
            return None
        # Longer than the longest pause can only be a clock that stepped back.
        if now < circuit.open_until <= now + _LONGEST_PAUSE:
            return circuit.open_until
        if circuit.is_probing:
            return now + timedelta(milliseconds=250)
        circuit.is_probing = True
        return None

    def answered(self, connection_id: str) -> None:
        """Note that the vendor answered, with whatever status: it is up."""
        self._circuits.pop(connection_id, None)

    def failed(self, connection_id: str, now: datetime) -> None:
        """Note that the vendor did not answer, or answered with a 5xx."""
        circuit = self._circuits.setdefault(connection_id, _Circuit())
        circuit.failures += 1
        if circuit.is_probing:
            circuit.pause = min(circuit.pause * 2, _LONGEST_PAUSE)
        if circuit.failures >= _FAILURES_TO_OPEN:
            circuit.open_until = now + circuit.pause
        circuit.is_probing = False

    def abandoned(self, connection_id: str) -> None:
        """Note that the call that was to probe the vendor was not made."""
        circuit = self._circuits.get(connection_id)
        if circuit is not None:
            circuit.is_probing = False
