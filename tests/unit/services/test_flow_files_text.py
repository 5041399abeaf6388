"""Files of flows as text: nothing is lost on the way there and back, and what is ambiguous is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from affluent.catalog import load
from affluent.domain.flow import FlowDefinition
from affluent.services.errors import Invalid
from affluent.services.flow_files.json_schema import file_schema
from affluent.services.flow_files.model import FileConnection, FileFlowConnection, FileLimit, FlowFile
from affluent.services.flow_files.yaml_text import read, write

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
AWKWARD = st.sampled_from(
    ["yes", "no", "on", "null", "~", "1e3", "0x1f", "2026-01-01", "true", "=", "<<", "a: b", "- x", "#"]
)
WORD = TEXT.filter(lambda text: bool(text.strip())) | AWKWARD
IDENTIFIER = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | AWKWARD
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(WORD, VALUES, max_size=4)
STEPS = st.lists(
    st.fixed_dictionaries(
        {"id": IDENTIFIER, "app": IDENTIFIER, "action": IDENTIFIER, "condition": TEXT, "inputs": OBJECTS}
    ),
    max_size=3,
    unique_by=lambda step: step["id"],
)
FLOWS = st.builds(
    lambda name, description, condition, steps: FlowDefinition.model_validate(
        {
            "name": f"Flow {name}",
            "description": description,
            "type": "outbound",
            "trigger": {"app": "togai", "trigger": "invoice_paid", "condition": condition},
            "steps": steps,
        }
    ),
    TEXT, TEXT, TEXT, STEPS,
)  # fmt: skip
CONNECTIONS = st.builds(
    FileConnection,
    app=IDENTIFIER,
    name=WORD,
    fields=OBJECTS,
    limit=st.none() | st.builds(FileLimit, requests=st.integers(1, 500), seconds=st.integers(1, 500)),
    disabled=st.booleans(),
)
LINKS = st.builds(
    FileFlowConnection,
    flow=WORD,
    name=WORD,
    enabled=st.booleans(),
    connections=st.dictionaries(IDENTIFIER, WORD, max_size=3),
    inputs=OBJECTS,
)
FILES = st.builds(
    FlowFile,
    connections=st.lists(CONNECTIONS, max_size=3).map(tuple),
    flows=st.lists(FLOWS, max_size=2).map(tuple),
    flow_connections=st.lists(LINKS, max_size=3).map(tuple),
)


@given(FILES)
def test_a_file_that_is_written_and_read_says_the_same(file: FlowFile) -> None:
    text = write(file)
    assert read([("file.yaml", text)]) == file, text


@pytest.mark.parametrize("definition", load().public_flows(), ids=lambda definition: definition.key)
def test_every_ready_made_flow_survives_the_way_there_and_back(definition: FlowDefinition) -> None:
    file = FlowFile(flows=(definition,))
    assert read([("file.yaml", write(file))]) == file


@pytest.mark.parametrize("definition", load().public_flows(), ids=lambda definition: definition.key)
def test_every_ready_made_flow_follows_the_schema(definition: FlowDefinition) -> None:
    said = yaml.safe_load(write(FlowFile(flows=(definition,))))
    assert list(Draft202012Validator(file_schema(load())).iter_errors(said)) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"app": "firstpromotor"}, "app"),
        ({"action": "track_sales"}, "action"),
        ({"inputs": {"emial": "x"}}, "inputs"),
    ],
)
def test_the_schema_finds_a_slip_of_the_pen(change: dict[str, object], where: str) -> None:
    step = {"id": "sale", "app": "firstpromoter", "action": "track_sale", "inputs": {}, **change}
    trigger = {"app": "togai", "trigger": "invoice_paid"}
    said = {"flows": [{"name": "My flow", "type": "outbound", "trigger": trigger, "steps": [step]}]}
    errors = list(Draft202012Validator(file_schema(load())).iter_errors(said))
    assert errors
    assert any(where in error.absolute_path for error in errors)


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(file_schema(load()))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2\n", r"f.yaml, line 2, column 1: .*'a' is there twice"),
        ("flows: &x []\nconnections: *x\n", r"aliases are not used here"),
        ("1: x\n", r"the name '1' must be text"),
        ("flows: [", r"f.yaml, line 1"),
        ("flow: []\n", r"f.yaml: flow: There is no such field"),
        ("- a\n", r"f.yaml: .*"),
        (
            "connections:\n- {app: x, name: y, fields: {a: 1}, disabled: perhaps}\n",
            r"connections.0.disabled: Must be true or false",
        ),
        ("a: !!python/object:os.system {}\n", r"f.yaml"),
    ],
)
def test_what_is_ambiguous_or_wrong_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        read([("f.yaml", text)])


def test_a_nest_of_a_thousand_lists_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match=r"f.yaml"):
        read([("f.yaml", "flows: " + "[" * 5000)])


def test_several_files_are_one() -> None:
    one = write(FlowFile(connections=(FileConnection(app="shop", name="A"),)))
    two = write(FlowFile(connections=(FileConnection(app="shop", name="B"),)))
    assert [item.name for item in read([("1.yaml", one), ("2.yaml", two)]).connections] == ["A", "B"]


@pytest.mark.parametrize(
    "value",
    [r'"a\0b"', r'"\ud800"', r'{"a\0": 1}', r'["\udfff"]'],
)
def test_what_cannot_be_stored_as_it_is_is_refused_by_the_name_of_its_field(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        read([("f.yaml", f"connections:\n- app: webhook\n  name: Out\n  fields:\n    odd: {value}\n")])
    assert refused.value.field.startswith("connections.0.fields.odd")
    assert refused.value.message.startswith("f.yaml: connections.0.fields.odd")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "9" * 30, f"-{'9' * 30}"])
def test_a_number_that_cannot_be_stored_as_it_is_is_refused_at_its_place(value: str) -> None:
    with pytest.raises(Invalid) as refused:
        read([("f.yaml", f"connections:\n- app: webhook\n  name: Out\n  fields:\n    odd: {value}\n")])
    assert refused.value.message.startswith("f.yaml, line 5, column 10")
