"""What every dispatcher does, and how it is woken by parts that are made before it."""

from __future__ import annotations

from typing import Protocol


class Dispatcher(Protocol):
    """Executes due runs in this process."""

    def wake(self) -> None:
        """Look for due runs now."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Finish or hand back what is held."""

    @property
    def running(self) -> int:
        """How many runs are being executed."""


class WakeSignal:
    """Wakes the dispatcher of this process when runs are ready. Intake and journal need it before there is a dispatcher."""

    def __init__(self) -> None:
        self._dispatcher: Dispatcher | None = None

    def send(self) -> None:
        """Wake the dispatcher, if it is connected."""
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def connect(self, dispatcher: Dispatcher) -> None:
        """Wake this dispatcher from now on."""
        self._dispatcher = dispatcher
