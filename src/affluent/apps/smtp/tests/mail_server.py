"""A mail server on a local port, as small as a test needs it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "mailer", "a-mail-password"


@dataclass
class MailServer:
    """Keeps what was sent. `replies` answers a command otherwise: "RCPT" → "550 no such user"; "" hangs up."""

    port: int = 0
    sent: list[tuple[str, list[str], str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    drop_after_body: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation."""
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ready\r\n")
        sender, recipients = "", []
        while line := (await reader.readline()).decode().strip():
            verb = line.split(" ")[0].upper()
            self.commands.append(verb)
            said = self.replies.get(line, self.replies.get(verb))
            if said == "":
                return
            if verb == "MAIL":
                sender = line.partition("<")[2].partition(">")[0]
            elif verb == "RCPT" and said is None:
                recipients.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA" and said is None:
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n")).decode()
                if self.drop_after_body:
                    return
                self.sent.append((sender, recipients, body))
            writer.write((said or self._usual(line, verb)).encode() + b"\r\n")
            if verb == "QUIT":
                return

    @staticmethod
    def _usual(line: str, verb: str) -> str:
        good = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        usual = {
            "EHLO": "250-mail.test\r\n250 AUTH PLAIN",
            "AUTH": "235 welcome" if line == f"AUTH PLAIN {good}" else "535 wrong user name or password",
            "QUIT": "221 bye",
            "STARTTLS": "454 not today",
        }
        return usual.get(verb, "250 fine")


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None, **options: object) -> AsyncIterator[MailServer]:
    """A mail server that is there for a while."""
    server = MailServer(**options)  # type: ignore[arg-type]  # its own fields
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pair.pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    return context
