"""Every entrance that takes an e-mail address takes none with characters that cannot be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from affluent.apps.smtp.schemas import Credentials, NewEmail
from affluent.billing.schemas import NewContact, NewCustomer
from affluent.kit.jsons import dumps
from affluent.services.errors import Invalid
from affluent.services.identity.people import checked_email
from affluent.services.identity.roles import Role
from affluent.services.operations import server_settings as options
from tests.integration.security.callers import Callers, callers

HIDDEN = ["ada\u200b@example.com", "ada\u202e@example.com", "ada@exa\x00mple.com", "ada@example.com\nBcc: eve@example.com",
          "ada@example.com\r\nX: y", "ada@example.com,eve@example.com", "a\u00adda@example.com"]  # fmt: skip
every_hidden = pytest.mark.parametrize("address", HIDDEN)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Callers]:
    async with callers(tmp_path) as it:
        yield it


async def test_nobody_is_invited_with_one(at: Callers) -> None:
    secret, before = await at.token("*:write"), await at.hub.users.list()
    for address in HIDDEN:
        body = dumps({"name": "Ada", "email": address}).encode()
        assert (await at.call("POST /api/v1/users", secret, body)).status == 422
        form: Any = {"name": "Ada", "email": address, "role": "analyst"}
        assert (await at.people[Role.ADMINISTRATOR].post("/admin/users", form)).status == 422
    assert await at.hub.users.list() == before


@every_hidden
def test_nobody_signs_up_with_one(address: str) -> None:
    with pytest.raises(Invalid, match="not an e-mail address"):
        checked_email(address)


@every_hidden
def test_no_customer_or_contact_has_one(address: str) -> None:
    with pytest.raises(ValidationError, match="Must be an e-mail address"):
        TypeAdapter(NewCustomer).validate_python(
            {"id": "C", "name": "Customer", "primaryEmail": address, "address": {}}
        )
    with pytest.raises(ValidationError, match="Must be an e-mail address"):
        NewContact.model_validate({"name": "Ada", "email": address})


@every_hidden
def test_no_alert_goes_to_or_comes_from_one(address: str) -> None:
    with pytest.raises(Invalid):
        options.checked("alerts_to", f"mailto:{address}")
    with pytest.raises(Invalid):
        options.checked("alerts_from", address)


@every_hidden
def test_no_e_mail_of_a_flow_is_sent_to_or_from_one(address: str) -> None:
    plain = {"to": "ada@example.com", "subject": "Hello", "text": "Hello"}
    for field in ("to", "reply_to"):
        with pytest.raises(ValidationError):
            NewEmail.model_validate({**plain, field: address})
    with pytest.raises(ValidationError):
        Credentials.model_validate({"host": "mail.example.com", "sender": address})


@pytest.mark.parametrize("field", ["subject", "sender_name"])
@pytest.mark.parametrize("breaks", ["\n", "\r", "\x00", "\x85", "\u2028", "\u202e", "\u2066"])
def test_no_header_of_an_e_mail_is_broken_or_turned(field: str, breaks: str) -> None:
    values = {
        "subject": {"to": "ada@example.com", "text": "x"},
        "sender_name": {"host": "h", "sender": "ada@example.com"},
    }
    model = {"subject": NewEmail, "sender_name": Credentials}[field]
    with pytest.raises(ValidationError, match="must be one line"):
        model.model_validate({**values[field], field: f"Hello{breaks}Bcc: eve@example.com"})
