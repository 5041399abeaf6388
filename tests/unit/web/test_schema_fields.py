"""Schemas as fields: secrets, numbers, choices and what people read of types."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from affluent.catalog import load
from affluent.web.apps.schema_fields import fields_of, typed
from affluent.web.forms import Form


class Part(BaseModel):
    """A part."""

    number: int


class Sample(BaseModel):
    """All kinds."""

    name: str = Field(title="Name", description="Of it.", examples=["x"])
    key: SecretStr | None = None
    port: int = 587
    mode: Literal["a", "b"] = "a"
    parts: list[Part] = Field(default_factory=list)
    to: str | list[str] = ""
    base_url: str = "https://a.example"


FIELDS = {field.name: field for field in fields_of(Sample.model_json_schema())}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("name", "text"),
        ("key", "text"),
        ("port", "whole number"),
        ("mode", "one of a, b"),
        ("parts", "list of object"),
        ("to", "text or list of text"),
    ],
)
def test_types_are_said_in_words(name: str, kind: str) -> None:
    assert FIELDS[name].kind == kind


def test_what_a_form_needs_to_know_is_known() -> None:
    assert FIELDS["name"].is_required
    assert FIELDS["name"].example == "x"
    assert FIELDS["key"].is_secret
    assert FIELDS["port"].is_number
    assert FIELDS["port"].default == "587"
    assert FIELDS["mode"].options == (("a", "a"), ("b", "b"))
    assert FIELDS["base_url"].is_rare
    assert not FIELDS["name"].is_rare
    assert fields_of(None) == ()


def test_another_address_than_the_choices_is_what_was_typed_beside_them() -> None:
    form = Form({"fields.base_url": "*", "other.base_url": "https://b.example", "fields.key": "k", "name": "n"})
    assert typed(form) == {"base_url": "https://b.example", "key": "k"}


def test_every_secret_of_every_app_is_known_as_one() -> None:
    for app in load().apps.values():
        if app.credentials is not None:
            fields = fields_of(app.credentials.model_json_schema())
            secret = {
                name for name, info in app.credentials.model_fields.items() if "SecretStr" in str(info.annotation)
            }
            assert {field.name for field in fields if field.is_secret} == secret, app.key


def test_a_title_that_was_made_up_from_the_name_is_written_like_the_others() -> None:
    (made_up, said) = fields_of(
        {"properties": {"promoter_email": {"title": "Promoter Email"}, "uid": {"title": "Customer id (uid)"}}}
    )
    assert (made_up.title, said.title) == ("Promoter email", "Customer id (uid)")
