"""Finds the apps: the folders of `affluent.apps`, and packages that declare the entry point `affluent.apps`.

An installed app that cannot be imported, or whose declaration is wrong, is kept as broken with its error and stops nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import yaml
from pydantic import BaseModel

from affluent import apps as built_in
from affluent.domain.flow import FlowDefinition
from affluent.kit.logs import logger
from affluent.sdk import Action, App, Category, Limit, Trigger
from affluent.sdk.twin import Twin

_log = logger("catalog")
_GROUP = "affluent.apps"
_LONGEST_ERROR = 500
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Each start reads the ready-made flows; in C, where the library has it, ten times faster."""


class WrongDeclaration(ValueError):
    """What is wrong with the declaration of an app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenApp:
    """An installed app that cannot be used."""

    key: str
    package: str
    """What declares it: the package with its version, and where the entry point leads."""
    error: str
    """Why, and what to do."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All apps by key."""

    apps: Mapping[str, App]
    broken: Sequence[BrokenApp] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    """The Python package of each app: where its twin is."""

    def get(self, key: str) -> App:
        """The app of a key; KeyError when there is none."""
        return self.apps[key]

    def missing(self, key: str) -> str:
        """Why there is no app of a key, as a sentence."""
        broken = next((app for app in self.broken if app.key == key), None)
        return f"The app {key!r} cannot be used: {broken.error}" if broken else f"There is no app {key!r}."

    def composed_events(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Of triggers that several types of events start: (app, the trigger's own event) → those types."""
        triggers = [(app.key, trigger) for app in self.apps.values() for trigger in app.triggers.values()]
        return {(key, trigger.event): trigger.of for key, trigger in triggers if trigger.of}

    def trigger_for(self, app: str, event: str) -> Trigger | None:
        """The trigger of an event type, by its name or one of its other spellings."""
        known = self.apps.get(app)
        if known is None:
            return None
        return next((item for item in known.triggers.values() if event == item.event or event in item.aliases), None)

    def public_flows(self) -> list[FlowDefinition]:
        """The ready-made flows of all app folders; those that cannot be read are logged and left out."""
        flows: dict[str, FlowDefinition] = {}
        own_first = sorted(self.apps.values(), key=lambda app: not self._is_built_in(app.key))
        for app in own_first:
            for file in sorted((app.folder / "flows").glob("*.yaml")):
                try:
                    flow = FlowDefinition.model_validate(yaml.load(file.read_text(), Loader=_LOADER))  # noqa: S506 - the safe one
                    if flow.key in flows:
                        raise WrongDeclaration(f"another app has a flow with the key {flow.key!r}")
                except (OSError, ValueError, yaml.YAMLError) as error:
                    _log.error("a ready-made flow cannot be used", app=app.key, file=file.name, reason=str(error))
                else:
                    flows[flow.key] = flow
        return list(flows.values())

    def twins(self) -> list[Twin]:
        """A twin of every app that has one; those that cannot be imported are logged and left out."""
        twins: list[Twin] = []
        for app in self.apps.values():
            package = self.packages.get(app.key, "")
            if package and (app.folder / "twin.py").exists():
                try:
                    twins += [kind() for kind in _twin_classes(f"{package}.twin")]
                except Exception:
                    if self._is_built_in(app.key):
                        raise
                    _log.exception("a twin cannot be loaded", app=app.key)
        return twins

    def _is_built_in(self, key: str) -> bool:
        return self.packages.get(key, "").startswith(f"{built_in.__name__}.")


@cache
def load() -> Catalog:
    """Import every app once."""
    apps: dict[str, App] = {}
    packages: dict[str, str] = {}
    broken: list[BrokenApp] = []
    for module in pkgutil.iter_modules(built_in.__path__):
        package = f"{built_in.__name__}.{module.name}"
        if module.ispkg and (Path(next(iter(built_in.__path__))) / module.name / "app.py").exists():
            app = importlib.import_module(f"{package}.app").app
            _check_key(app, module.name)
            apps[app.key], packages[app.key] = app, package
    own = frozenset(apps)
    entries = list(entry_points(group=_GROUP))
    declared = Counter(entry.name for entry in entries)
    for entry in entries:
        try:
            _check_name(entry.name, own, declared)
            app = entry.load()
            _check(app, entry.name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an app of somebody else may raise anything
            broken.append(BrokenApp(key=entry.name, package=_declared_by(entry), error=_reason(error)))
        else:
            apps[app.key], packages[app.key] = app, _package_of(entry)
    return Catalog(dict(sorted(apps.items(), key=lambda item: item[1].title.lower())), tuple(broken), packages)


def _check_name(name: str, own: frozenset[str], declared: Counter[str]) -> None:
    if name in own:
        raise WrongDeclaration(f"the key {name!r} belongs to an app that is built in; the package must choose another")
    if declared[name] > 1:  # which one is found first is chance, and one of them would get the other's secrets
        raise WrongDeclaration(f"{declared[name]} installed packages declare the key {name!r}; uninstall all but one")


def _check_key(app: App, name: str) -> None:
    if app.key != name:
        raise WrongDeclaration(f"{name!r} declares the key {app.key!r}; they must be the same")


def _check(app: object, name: str) -> None:
    """Raise WrongDeclaration unless pages and API can show the app."""
    if not isinstance(app, App):
        raise WrongDeclaration(
            f"the entry point gives an object of type {type(app).__name__!r}; it must give the app, as in {name}.app:app"
        )
    _check_key(app, name)
    for error in _declaration_errors(app):
        raise WrongDeclaration(f"its {error}; ask its author")


def _declaration_errors(app: App) -> Iterator[str]:
    """What is wrong with a declaration, one phrase each."""
    yield from _attribute_errors(app)
    models: list[tuple[str, object]] = [("credentials", app.credentials)]
    declared: tuple[tuple[type[Action | Trigger], Mapping[str, Action | Trigger], tuple[str, str]], ...] = (
        (Action, app.actions, ("input", "output")),
        (Trigger, app.triggers, ("options", "output")),
    )
    for kind, operations, parts in declared:
        for key, operation in operations.items():
            if isinstance(operation, kind) and operation.key == key:
                models += [(f"{part} of {key!r}", getattr(operation, part)) for part in parts]
            else:
                yield f"{kind.__name__.lower()} {key!r} is declared wrongly"
    for name, model in models:
        if model is not None and not _has_schema(model):
            yield f"{name} is no model with a JSON Schema"


def _attribute_errors(app: App) -> Iterator[str]:
    kinds: tuple[tuple[str, object, type], ...] = (
        ("title", app.title, str),
        ("description", app.description, str),
        ("category", app.category, Category),
        ("folder", app.folder, Path),
        ("limit", app.limit or Limit(requests=1, per_seconds=1), Limit),
    )
    for name, value, kind in kinds:
        if not isinstance(value, kind):
            yield f"{name} is no {kind.__name__}"
        elif isinstance(value, Path) and not value.is_dir():
            yield f"folder {value} is not there"


def _has_schema(model: object) -> bool:
    try:
        return isinstance(model, type) and issubclass(model, BaseModel) and bool(model.model_json_schema())
    except Exception:  # noqa: BLE001 - a type of somebody else may raise anything
        return False


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())[:_LONGEST_ERROR]
    return (
        f"{text}." if isinstance(error, WrongDeclaration) else f"it cannot be imported: {type(error).__name__}: {text}"
    )


def _declared_by(entry: EntryPoint) -> str:
    name = f"{entry.dist.name} {entry.dist.version}, " if entry.dist else ""
    return f"{name}{entry.value}"


def _package_of(entry: EntryPoint) -> str:
    """The package that an entry point names, be it `pigeon.app:app` or `pigeon:app`."""
    module = importlib.import_module(entry.module)
    return module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]


def _twin_classes(module: str) -> list[type[Twin]]:
    loaded = importlib.import_module(module)
    return [
        item
        for item in vars(loaded).values()
        if isinstance(item, type) and issubclass(item, Twin) and item is not Twin and item.__module__ == module
    ]
