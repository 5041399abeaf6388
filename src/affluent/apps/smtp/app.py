"""SMTP: e-mails through any mail server."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from affluent.apps.smtp.mail import converse
from affluent.apps.smtp.schemas import Credentials, NewEmail, SentEmail
from affluent.sdk import App, Category, Context, Effect, Limit

app = App(
    key="smtp",
    title="E-mail (SMTP)",
    description="Send e-mails through your own mail server.",
    category=Category.COMMUNICATION,
    folder=Path(__file__).parent,
    credentials=Credentials,
    address_fields=frozenset({"host", "port", "security"}),
    limit=Limit(requests=5, per_seconds=1),
    glyph="mail",
    key_help="From your mail provider's SMTP page: host, port, user name and password (often an app password).",
)

# Threads of their own, so that a slow mail server keeps nobody else waiting.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="smtp")


async def _in_thread(given: Credentials, address: str, message: EmailMessage | None) -> list[str]:
    return await asyncio.get_running_loop().run_in_executor(_threads, converse, given, address, message)


@app.test
async def test(ctx: Context[Credentials]) -> str:
    """Connect and log in; nothing is sent."""
    given = ctx.credentials
    address = await ctx.http.reach(given.host, given.port, message={"login": bool(given.username)})
    await _in_thread(given, address, None)
    return f"{given.host} accepted the login." if given.username else f"{given.host} answers."


@app.action(
    "send_email",
    title="Send an e-mail",
    effect=Effect.WRITE,
    sample="send_email.json",
    answers={
        "250": "Sent",
        "4xx": "Tried again later",
        "5xx": "Failed: the server refused it, with its reason",
        "no answer": "Unknown: an e-mail cannot be looked up, so a person decides",
    },
)
async def send_email(ctx: Context[Credentials], email: NewEmail) -> SentEmail:
    """Send an e-mail as text, or as text and HTML. Repeats carry the same Message-ID."""
    given = ctx.credentials
    said = {"from": given.sender, "subject": email.subject, "to": email.recipients, "text": email.text}
    address = await ctx.http.reach(given.host, given.port, message=said)
    message = composed(ctx, email)
    refused = await _in_thread(given, address, message)
    return SentEmail(message_id=str(message["Message-ID"]), refused=refused)


def composed(ctx: Context[Credentials], email: NewEmail) -> EmailMessage:
    """The e-mail as it goes out."""
    given = ctx.credentials
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(given.sender_name, addr_spec=given.sender)
    message["To"] = ", ".join(email.recipients)
    message["Subject"] = email.subject
    message["Date"] = format_datetime(ctx.now)
    digest = hashlib.sha256(ctx.effect_key.encode()).hexdigest()[:40]
    message["Message-ID"] = f"<{digest}@{given.sender.rpartition('@')[2]}>"
    if email.reply_to is not None:
        message["Reply-To"] = email.reply_to
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(email.text)
    if email.html:
        message.add_alternative(email.html, subtype="html")
    return message
