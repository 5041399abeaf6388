"""Forms that keep what was typed and say at the field what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from affluent.services.errors import Invalid, ServiceError


class Form:
    """What was typed, and what is wrong with it. Secrets are read, never written back: templates leave them empty."""

    def __init__(self, values: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._values: dict[str, list[str]] = {
            name: [value] if isinstance(value, str) else list(value) for name, value in (values or {}).items()
        }
        self.errors: dict[str, str] = {}

    def text(self, name: str, default: str = "") -> str:
        """The value of a field; `default` when it was not sent."""
        values = self._values.get(name)
        return values[-1] if values else default

    def many(self, name: str) -> tuple[str, ...]:
        """All values of a field, e.g. of ticked boxes."""
        return tuple(self._values.get(name, ()))

    def has(self, name: str, value: str) -> bool:
        """Whether the field was sent with this value, e.g. a box is ticked."""
        return value in self._values.get(name, ())

    def under(self, prefix: str) -> dict[str, str]:
        """Fields named `<prefix>.<key>`, by key."""
        start = prefix + "."
        return {name.removeprefix(start): self.text(name) for name in self._values if name.startswith(start)}

    def error(self, name: str) -> str:
        """What is wrong with a field; empty when nothing is. The name "" stands for the form as a whole."""
        return self.errors.get(name, "")

    def wrong(self, name: str, message: str) -> None:
        """Say what is wrong with a field."""
        self.errors.setdefault(name, message)

    def blame(self, error: ServiceError, *known: str) -> None:
        """Put what a use case refuses at its fields; what belongs to none of the `known` ones, at the form as a whole."""
        problems = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
        for name, message in problems:
            self.wrong(name if not known or name in known else "", message)
