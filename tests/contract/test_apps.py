"""The promises that every app of the catalogue keeps, read from its declaration and its folder."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from affluent import catalog as catalogs
from affluent.domain.flow import FlowDefinition, FlowType
from affluent.kit.redact import is_sensitive
from affluent.sdk import Action, App, Effect, InputModel, OutputModel, Trigger, TriggerKind
from affluent.services.flows import samples
from affluent.services.flows.checks import check_draft

CATALOG = catalogs.load()
APPS = list(CATALOG.apps.values())
ACTIONS = [(app, action) for app in APPS for action in app.actions.values()]
TRIGGERS = [(app, trigger) for app in APPS for trigger in app.triggers.values()]
FLOWS = [(app, file) for app in APPS for file in sorted((app.folder / "flows").glob("*.yaml"))]
WRITES = [(app, action) for app, action in ACTIONS if action.effect is Effect.WRITE]
KEYED = [(app, action) for app, action in ACTIONS if action.effect is Effect.IDEMPOTENT_WRITE]
OWNED = [
    (app, action) for app, action in ACTIONS if action.effect is not Effect.READ and (action.key_field or action.money)
]
MONEY = [(app, action) for app, action in ACTIONS if action.money is not None]
HOOKED = [app for app in APPS if app.webhook is not None]
KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
APP_LINES = 200
SHORTEST_README = 200

every_app = pytest.mark.parametrize("app", APPS, ids=[app.key for app in APPS])


def every(cases: list[tuple[App, Any]]) -> pytest.MarkDecorator:
    """Parametrise over triggers, actions or flow files, named after app and key."""
    return pytest.mark.parametrize(
        ("app", "item"), cases, ids=[f"{app.key}-{getattr(item, 'key', '') or item.stem}" for app, item in cases]
    )


def forms(app: App) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model that people fill in, with where it is used."""
    if app.credentials is not None:
        yield "credentials", app.credentials
    for trigger in app.triggers.values():
        if trigger.options is not None:
            yield f"{trigger.key}.options", trigger.options
    for action in app.actions.values():
        yield f"{action.key}.input", action.input


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and the models inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in inside(field.annotation):
            yield from parts(inner)


def inside(hint: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for part in get_args(hint):
        yield from inside(part)


def flat(hint: object) -> list[object]:
    """An annotation and everything in it."""
    return [hint, *(inner for part in get_args(hint) for inner in flat(part))]


def problems_of_sample(model: type[BaseModel], value: object) -> list[str]:
    """Fields of a sample that its model does not know; raises when the sample does not fit at all."""
    model.model_validate(value)
    known = {name for field, info in model.model_fields.items() for name in (field, info.alias or field)}
    is_open = model.model_config.get("extra") == "allow"
    return [] if is_open or not isinstance(value, dict) else sorted(set(value) - known)


@every_app
def test_its_folder_is_named_after_its_key(app: App) -> None:
    assert app.folder.name == app.key
    assert KEY.fullmatch(app.key)


@every_app
def test_its_declaration_fits_on_one_screen(app: App) -> None:
    assert len((app.folder / "app.py").read_text().splitlines()) <= APP_LINES


@every_app
def test_it_says_what_it_is(app: App) -> None:
    assert app.title
    assert app.description.endswith(".")
    assert app.glyph


@every_app
def test_it_has_a_readme_that_says_how_to_connect(app: App) -> None:
    text = (app.folder / "README.md").read_text()
    assert text.startswith("# ")
    assert len(text) >= SHORTEST_README


@every_app
def test_its_icon_is_a_small_picture_that_runs_nothing(app: App) -> None:
    root = ET.fromstring((app.folder / "icon.svg").read_text())  # noqa: S314 - a file of our own tree
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert root.tag.endswith("svg")
    assert "viewBox" in root.attrib
    assert not names & {"script", "foreignObject", "image", "use"}
    assert [name for element in root.iter() for name in element.attrib if name.lower().startswith("on")] == []


@every_app
def test_it_has_tests_of_its_own(app: App) -> None:
    assert list((app.folder / "tests").glob("test_*.py"))


@every_app
def test_it_starts_or_does_something(app: App) -> None:
    assert app.triggers or app.actions


@every_app
def test_every_field_that_people_fill_in_has_a_title_and_a_description(app: App) -> None:
    bare = [
        f"{where}: {part.__name__}.{name}"
        for where, model in forms(app)
        for part in parts(model)
        for name, field in part.model_fields.items()
        if not field.title or not field.description
    ]
    assert bare == []


@every_app
def test_inputs_refuse_unknown_fields_and_outputs_ignore_them(app: App) -> None:
    assert [action.key for action in app.actions.values() if not issubclass(action.input, InputModel)] == []
    outputs = {action.key: action.output for action in app.actions.values() if action.output is not None}
    assert [key for key, output in outputs.items() if not issubclass(output, OutputModel)] == []


@every_app
def test_credentials_can_be_tested_and_are_explained(app: App) -> None:
    assert (app.credentials is None) == (app.tester is None)
    assert app.credentials is None or app.key_help


@every_app
def test_what_is_called_a_secret_is_kept_as_one(app: App) -> None:
    fields = app.credentials.model_fields if app.credentials is not None else {}
    secret = {name for name, field in fields.items() if SecretStr in (field.annotation, *get_args(field.annotation))}
    assert {name for name in fields if is_sensitive(name)} <= secret
    assert app.credentials is None or secret


@pytest.mark.parametrize("app", HOOKED, ids=[app.key for app in HOOKED])
def test_an_unsigned_webhook_is_never_genuine(app: App) -> None:
    assert app.webhook is not None
    assert not app.webhook.verify(b"{}", {}, ["a-secret"])
    assert not app.webhook.verify(b"{}", {}, [])
    assert app.webhook.secret_field == "" or app.webhook.secret_field in (app.credentials or BaseModel).model_fields


@every(TRIGGERS)
def test_a_trigger_says_what_it_means(app: App, item: Trigger) -> None:
    assert KEY.fullmatch(item.key)
    assert item.title
    assert item.description.endswith(".")
    assert app.triggers[item.key] is item


@every(TRIGGERS)
def test_a_trigger_hands_out_what_its_sample_shows(app: App, item: Trigger) -> None:
    assert item.output is not None
    sample = app.sample(item.sample)
    assert set(item.output.model_validate(sample).model_dump(by_alias=True, exclude_unset=True)) & set(sample)


@every(TRIGGERS)
def test_the_business_facts_are_where_the_trigger_says(app: App, item: Trigger) -> None:
    sample = app.sample(item.sample)
    paths = (item.subject.account, item.subject.customer, item.subject.title, item.subject.amount)
    for path in filter(None, paths):
        value: Any = sample
        for part in path.split("."):
            value = value[part]
        assert isinstance(value, (str, int)), path


@every(TRIGGERS)
def test_a_trigger_is_of_the_kind_its_app_can_serve(app: App, item: Trigger) -> None:
    assert item.kind is not TriggerKind.WEBHOOK or app.webhook is not None
    assert item.kind is not TriggerKind.POLL or item.poll is not None
    assert item.kind is not TriggerKind.SCHEDULE or item.options is not None


@every_app
def test_no_two_triggers_claim_the_same_event(app: App) -> None:
    names = [name for trigger in app.triggers.values() for name in (trigger.event, *trigger.aliases)]
    assert sorted(names) == sorted(set(names))


@every(ACTIONS)
def test_an_action_says_what_it_does_in_its_first_line(app: App, item: Action) -> None:
    assert KEY.fullmatch(item.key)
    assert item.title
    assert item.description.splitlines()[0].endswith(".")
    assert app.actions[item.key] is item


@every(ACTIONS)
def test_an_action_takes_and_gives_what_its_sample_shows(app: App, item: Action) -> None:
    sample = app.sample(item.sample)
    assert set(sample) == {"input", "output"}
    assert problems_of_sample(item.input, sample["input"]) == []
    if item.output is None:
        assert sample["output"] in ({}, None)
    else:
        assert problems_of_sample(item.output, sample["output"]) == []


@every(ACTIONS)
def test_an_actions_sample_is_what_a_preview_assumes(app: App, item: Action) -> None:
    assert set(samples.action_input(app, item)) <= set(item.input.model_fields)
    assert set(samples.action_output(app, item)) == set(item.output.model_fields if item.output else ())


@every(ACTIONS)
def test_what_an_action_refers_to_is_there(app: App, item: Action) -> None:
    assert item.key_field in ("", *item.input.model_fields)
    outputs = item.output.model_fields if item.output is not None else {}
    assert set(item.identifies.values()) <= set(outputs)
    assert all(item.answers.values())


@every(WRITES)
def test_a_write_that_may_double_can_be_looked_up_or_says_that_it_cannot(app: App, item: Action) -> None:
    said = " ".join([item.description, *item.answers.values()])
    assert item.look_up is not None or re.search(r"\b(cannot be|not) looked up\b", said)


@every(KEYED)
def test_an_idempotent_write_says_how_long_its_key_lasts(app: App, item: Action) -> None:
    given = item.input.model_validate(app.sample(item.sample)["input"])
    assert item.key_lasts is not None
    assert item.remembers(given) > timedelta()
    assert item.repeats_failures(given) in (True, False)


@every(OWNED)
def test_a_write_under_a_key_or_of_money_says_whose_it_is(app: App, item: Action) -> None:
    assert item.same
    assert item.ids <= set(item.input.model_fields)
    assert app.actions[item.key] is item


@every(MONEY)
def test_money_is_taken_in_minor_units_with_its_currency(app: App, item: Action) -> None:
    assert item.money is not None
    amount, currency = (item.input.model_fields[name] for name in item.money)
    assert int in flat(amount.annotation)
    assert float not in flat(amount.annotation)
    assert str in flat(currency.annotation)


@every_app
def test_no_field_that_people_fill_in_is_a_float(app: App) -> None:
    found = [
        f"{where}: {part.__name__}.{name}"
        for where, model in forms(app)
        for part in parts(model)
        for name, field in part.model_fields.items()
        if float in flat(field.annotation)
    ]
    assert found == []


@every_app
def test_every_sample_belongs_to_a_trigger_or_an_action(app: App) -> None:
    used = {item.sample for item in (*app.triggers.values(), *app.actions.values())}
    kept = {str(file.relative_to(app.folder / "samples")) for file in (app.folder / "samples").rglob("*.json")}
    assert kept == used
    for name in kept:
        assert json.loads((app.folder / "samples" / name).read_text())


@every(FLOWS)
def test_a_ready_made_flow_can_be_published_as_it_is(app: App, item: Path) -> None:
    found = check_draft(yaml.safe_load(item.read_text()), CATALOG)
    assert [f"{problem.field}: {problem.message}" for problem in found if problem.is_error] == []


@every(FLOWS)
def test_a_ready_made_flow_is_named_after_its_file_and_explained(app: App, item: Path) -> None:
    flow = FlowDefinition.model_validate(yaml.safe_load(item.read_text()))
    assert flow.key == item.stem
    assert flow.description.endswith(".")
    assert flow.steps
    assert app.key in flow.apps()
    assert (flow.type is FlowType.OUTBOUND) == (flow.trigger.app == "togai")


def test_no_two_ready_made_flows_have_one_key() -> None:
    keys = [flow.key for flow in CATALOG.public_flows()]
    assert sorted(keys) == sorted(set(keys))


def test_the_apps_of_the_product_are_there() -> None:
    assert {"togai", "firstpromoter", "webhook", "http"} <= set(CATALOG.apps)
