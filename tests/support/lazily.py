"""A module that is imported when it is first used: some take seconds, and every process of a test run reads all test files."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Lazy:
    """Stands for the module of that name. pytest looks at everything in a test file, but only for names that begin with an underscore."""

    module: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(import_module(self.module), name)
