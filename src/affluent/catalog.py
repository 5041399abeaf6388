"""Finds the apps: the folders of `affluent.apps`, and packages that declare the entry point `affluent.apps`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import yaml

from affluent import apps as built_in
from affluent.domain.flow import FlowDefinition
from affluent.sdk import App, Trigger
from affluent.sdk.twin import Twin

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Each start reads the ready-made flows; in C, where the library has it, ten times faster."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All apps by key."""

    apps: Mapping[str, App]

    def get(self, key: str) -> App:
        """The app of a key; KeyError when there is none."""
        return self.apps[key]

    def trigger_for(self, app: str, event: str) -> Trigger | None:
        """The trigger of an event type, by its name or one of its other spellings."""
        known = self.apps.get(app)
        if known is None:
            return None
        return next((item for item in known.triggers.values() if event == item.event or event in item.aliases), None)

    def public_flows(self) -> list[FlowDefinition]:
        """The ready-made flows of all app folders."""
        files = [file for app in self.apps.values() for file in sorted((app.folder / "flows").glob("*.yaml"))]
        return [
            FlowDefinition.model_validate(yaml.load(file.read_text(), Loader=_LOADER))  # noqa: S506 - the safe one
            for file in files
        ]

    def twins(self) -> list[Twin]:
        """A twin of every app that has one."""
        found: list[Twin] = []
        for app in self.apps.values():
            module = _package_of(app)
            if module and (app.folder / "twin.py").exists():
                found += [kind() for kind in _twin_classes(f"{module}.twin")]
        return found


@cache
def load() -> Catalog:
    """Import every app once."""
    found: dict[str, App] = {}
    for module in pkgutil.iter_modules(built_in.__path__):
        folder = Path(next(iter(built_in.__path__))) / module.name
        if module.ispkg and (folder / "app.py").exists():
            _add(found, importlib.import_module(f"{built_in.__name__}.{module.name}.app").app, module.name)
    for entry in entry_points(group="affluent.apps"):
        _add(found, entry.load(), entry.name)
    return Catalog(dict(sorted(found.items(), key=lambda item: item[1].title.lower())))


def _add(found: dict[str, App], app: App, name: str) -> None:
    if app.key != name:
        raise ValueError(f"app folder {name!r} declares the key {app.key!r}; they must be the same")
    if app.key in found:
        raise ValueError(f"two apps have the key {app.key!r}")
    found[app.key] = app


def _package_of(app: App) -> str:
    for action in app.actions.values():
        return action.run.__module__.rsplit(".", 1)[0]
    return ""


def _twin_classes(module: str) -> list[type[Twin]]:
    loaded = importlib.import_module(module)
    return [
        item
        for item in vars(loaded).values()
        if isinstance(item, type) and issubclass(item, Twin) and item is not Twin and item.__module__ == module
    ]
