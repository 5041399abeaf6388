"""E-mails: what is sent, and what every ending of the conversation means."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from affluent.apps.smtp.app import app
from affluent.apps.smtp.schemas import Credentials, NewEmail
from affluent.apps.smtp.tests.mail_server import PASSWORD, USER, MailServer, mail_server, self_signed
from affluent.domain.flow import Step
from affluent.sdk import AppError, AuthFailed, Misconfigured, OutcomeUnknown, Rejected, Unavailable
from affluent.services.flows.rehearsal import rehearse
from tests.support.apps import bench

EMAIL = {"to": "ada@northwind.example", "subject": "Invoice INV-1", "text": "Dear Ada,\n.\nit is due.\n"}


def login(server: MailServer, **changes: object) -> dict[str, object]:
    """Credentials of the server."""
    return {
        "host": "127.0.0.1", "port": server.port, "security": "none", "username": USER, "password": PASSWORD,
        "sender": "billing@example.com", "sender_name": "Billing, Example", **changes,
    }  # fmt: skip


async def test_an_email_arrives_as_it_was_written() -> None:
    async with mail_server() as server, bench(app, login(server)) as desk:
        sent = await desk.run("send_email", {**EMAIL, "html": "<p>due</p>", "reply_to": "help@example.com"})
    [(sender, recipients, body)] = server.sent
    assert (sender, recipients) == ("billing@example.com", ["ada@northwind.example"])
    assert 'From: "Billing, Example" <billing@example.com>' in body
    assert "Subject: Invoice INV-1" in body
    assert "Reply-To: help@example.com" in body
    assert "Date: Tue, 03 Feb 2026 12:00:00 +0000" in body
    assert f"Message-ID: {sent.message_id}" in body
    assert "Dear Ada,\r\n..\r\nit is due.\r\n" in body  # a lone dot is doubled on the wire
    assert "text/html" in body
    assert sent.refused == []


async def test_repeats_of_one_effect_carry_one_message_id() -> None:
    async with mail_server() as server, bench(app, login(server)) as desk:
        first = await desk.run("send_email", EMAIL)
        again = await desk.run("send_email", EMAIL)
        other = await desk.run("send_email", EMAIL, effect_key="another effect")
    assert first.message_id == again.message_id != other.message_id


async def test_single_refused_addresses_are_named_when_others_are_taken() -> None:
    replies = {"rcpt TO:<nobody@example.com>": "550 no such user"}
    async with mail_server(replies=replies) as server, bench(app, login(server)) as desk:
        sent = await desk.run("send_email", {**EMAIL, "to": ["ada@northwind.example", "nobody@example.com"]})
    assert sent.refused == ["nobody@example.com"]
    assert server.sent[0][1] == ["ada@northwind.example"]


@pytest.mark.parametrize(
    ("replies", "meaning", "field"),
    [
        ({"RCPT": "550 no such user"}, Rejected, None),
        ({"RCPT": "451 come again"}, Unavailable, None),
        ({"RCPT": ""}, Unavailable, None),
        ({"MAIL": "553 not your address"}, Rejected, "sender"),
        ({"MAIL": "530 log in first"}, AuthFailed, "username"),
        ({"EHLO": "", "HELO": ""}, Unavailable, None),
        ({"DATA": "554 no e-mails today"}, Rejected, None),
        ({"DATA": "452 disk full"}, Unavailable, None),
    ],
)
async def test_before_it_was_handed_over_nothing_was_sent(
    replies: dict[str, str], meaning: type[AppError], field: str | None
) -> None:
    async with mail_server(replies=replies) as server, bench(app, login(server)) as desk:
        with pytest.raises(meaning) as raised:
            await desk.run("send_email", EMAIL)
    assert (type(raised.value), raised.value.field) == (meaning, field)
    assert server.sent == []


async def test_a_lost_answer_after_it_was_handed_over_is_unknown() -> None:
    async with mail_server(drop_after_body=True) as server, bench(app, login(server)) as desk:
        with pytest.raises(OutcomeUnknown):
            await desk.run("send_email", EMAIL)


async def test_a_server_that_ends_rudely_has_taken_it_all_the_same() -> None:
    async with mail_server(replies={"QUIT": ""}) as server, bench(app, login(server)) as desk:
        await desk.run("send_email", EMAIL)
    assert len(server.sent) == 1


async def test_the_test_logs_in_and_sends_nothing() -> None:
    async with mail_server() as server, bench(app, login(server)) as desk:
        assert await desk.test() == "127.0.0.1 accepted the login."
    assert "MAIL" not in server.commands


async def test_a_wrong_password_is_blamed_on_its_field() -> None:
    async with mail_server() as server, bench(app, login(server, password="wrong")) as desk:
        with pytest.raises(AuthFailed, match="refused user name or password") as refused:
            await desk.test()
    assert refused.value.field == "password"


async def test_a_server_without_tls_is_a_matter_of_the_security_field() -> None:
    async with mail_server() as server, bench(app, login(server, security="starttls")) as desk:
        with pytest.raises(Misconfigured) as refused:
            await desk.test()
    assert refused.value.field == "security"
    assert "AUTH" not in server.commands


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_login(tmp_path: Path) -> None:
    async with mail_server(self_signed(tmp_path, "localhost")) as server:
        given = login(server, host="localhost", security="tls")
        async with bench(app, given) as desk:
            with pytest.raises(Misconfigured, match="self-signed") as refused:
                await desk.test()
    assert refused.value.field == "security"
    assert server.commands == []


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    async with mail_server() as server:
        pass
    async with bench(app, login(server)) as desk:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await desk.run("send_email", EMAIL)


async def test_a_private_address_is_refused_unless_it_is_allowed() -> None:
    async with mail_server() as server, bench(app, login(server), allow_private=False) as desk:
        with pytest.raises(Misconfigured, match="private address") as refused:
            await desk.run("send_email", EMAIL)
    assert refused.value.field == "host"
    assert server.commands == []


async def test_a_preview_shows_the_email_and_sends_nothing() -> None:
    step = Step(id="mail", app="smtp", action="send_email", inputs=EMAIL)
    played = await rehearse(step, app, app.actions["send_email"], None, {}, server_url="http://127.0.0.1:8080")
    assert played.problems == ()
    assert played.request is not None
    assert played.request["request"]["body"]["to"] == ["ada@northwind.example"]
    assert played.output is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", "no address"),
        ("to", "a@example.com\r\nBcc: b@example.com"),
        ("to", ["a@example.com", "a@example.com, b@example.com"]),
        ("to", []),
        ("subject", "Hello\nBcc: b@example.com"),
        ("subject", ""),
        ("reply_to", "x y@example.com"),
    ],
)
def test_nothing_can_be_slipped_into_the_headers(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        NewEmail.model_validate({**EMAIL, field: value})


def test_a_user_name_needs_its_password() -> None:
    with pytest.raises(ValidationError, match="the user name needs its password"):
        Credentials.model_validate({"host": "smtp.example.com", "username": "me", "sender": "me@example.com"})
