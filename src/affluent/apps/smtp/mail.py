"""One conversation with an SMTP server, and what its ending means."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

from affluent.apps.smtp.schemas import Credentials
from affluent.sdk import AppError, AuthFailed, Misconfigured, OutcomeUnknown, Rejected, Unavailable

TIMEOUT_SECONDS = 20.0


class _Pinned:
    """Connects to the address that was judged, whatever the name resolves to by now; TLS still checks the name."""

    address = ""
    _host = ""

    def _get_socket(self, _host: str, port: int, timeout: float) -> Any:  # noqa: ANN401 - smtplib ships no types for it
        return super()._get_socket(self.address, port, timeout)  # type: ignore[misc]  # the method of smtplib's classes


class _Plain(_Pinned, smtplib.SMTP):
    pass


class _Encrypted(_Pinned, smtplib.SMTP_SSL):
    pass


def converse(given: Credentials, address: str, message: EmailMessage | None) -> list[str]:
    """Log in, and send the message when there is one; returns the refused addresses. Blocks; raises AppError.

    Until the message's body is on its way nothing was sent; from there on, a lost connection leaves the outcome unknown.
    """
    context = ssl.create_default_context()
    own_name = given.sender.rpartition("@")[2]  # else smtplib asks the network for it, which may take long
    server: _Encrypted | _Plain
    if given.security == "tls":
        server = _Encrypted(timeout=TIMEOUT_SECONDS, local_hostname=own_name, context=context)
    else:
        server = _Plain(timeout=TIMEOUT_SECONDS, local_hostname=own_name)
    server.address = address
    server._host = given.host  # noqa: SLF001 - smtplib takes the name to be checked from the constructor only
    try:
        _log_in(server, given, context)
        refused = [] if message is None else _addressed(server, message)
    except (smtplib.SMTPException, OSError) as error:
        server.close()
        raise _before(error) from error
    except AppError:
        server.close()
        raise
    try:
        if message is not None:
            _hand_over(server, message)
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()
    return refused


def _log_in(server: smtplib.SMTP, given: Credentials, context: ssl.SSLContext) -> None:
    server.connect(given.host, given.port)
    if given.security == "starttls":
        server.starttls(context=context)
    server.ehlo_or_helo_if_needed()
    if given.username and given.password is not None:
        server.login(given.username, given.password.get_secret_value())


def _hand_over(server: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        code, reply = server.data(message.as_bytes())
    except smtplib.SMTPDataError as error:  # the server did not even want to begin
        raise _refusal(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        raise OutcomeUnknown("The mail server's answer was lost after the e-mail was handed over.") from error
    if code != 250:
        raise _refusal(code, reply)


def _addressed(server: smtplib.SMTP, message: EmailMessage) -> list[str]:
    """Name sender and recipients; returns the refused ones, raises when all are."""
    code, reply = server.mail(_bare(message["From"]))
    if code != 250:
        raise _refusal(code, reply, field="sender")
    answers = {address: server.rcpt(address) for address in map(str.strip, str(message["To"]).split(","))}
    refused = {address: said for address, said in answers.items() if said[0] not in (250, 251)}
    if len(refused) == len(answers):
        code, reply = next(iter(refused.values()))
        raise _refusal(code, reply)
    return list(refused)


def _bare(sender: Any) -> str:  # noqa: ANN401 - an address header
    return str(sender.addresses[0].addr_spec)


def _before(error: Exception) -> AppError:
    """What an error means that came before the message was handed over."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return AuthFailed("The mail server refused user name or password.", field="password")
        case smtplib.SMTPNotSupportedError():
            return Misconfigured(f"The mail server cannot do this: {error}.", field="security")
        case ssl.SSLError():
            reason = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            return Misconfigured(f"No secure connection: {reason}. Check host, port and security.", field="security")
        case smtplib.SMTPResponseException():
            return _refusal(error.smtp_code, error.smtp_error)
        case TimeoutError():
            return Unavailable("The mail server did not answer in time.")
        case _:
            return Unavailable("The mail server cannot be reached, or hung up.")


def _refusal(code: int, reply: bytes | str, field: str | None = None) -> AppError:
    """4xx asks to come again, 5xx is final."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    said = f"The mail server answered {code}: {text[:300]}"
    if code in (530, 535):
        return AuthFailed(said, field="username")
    if 400 <= code < 500:
        return Unavailable(said)
    return Rejected(said, field=field)
