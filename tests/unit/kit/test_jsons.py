"""JSON as it is stored: whatever is written can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affluent.kit.jsons import InvalidJSON, dumps, loads, stored

texts = st.text(st.characters(codec=None), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_every_value_can_be_written_and_what_is_written_can_be_read(value: object) -> None:
    dumps(stored(dumps(value)))


def test_half_a_surrogate_pair_is_replaced_and_a_long_number_keeps_its_digits() -> None:
    assert dumps({"a\ud800": "b\udfff", "n": [10**30]}) == '{"a\ufffd":"b\ufffd","n":[1000000000000000000000000000000]}'


def test_what_was_stored_is_read_however_deep_it_lies() -> None:
    received = loads("[" * 64 + "]" * 64)
    kept = dumps({"output": {"body": received}})
    assert stored(kept) == {"output": {"body": received}}


@pytest.mark.parametrize("text", ["", "{", "\udcff", b"\xff", 7])
def test_what_is_no_json_is_said_to_be_none(text: object) -> None:
    with pytest.raises(InvalidJSON):
        stored(text)  # type: ignore[arg-type]  # a database file holds anything
