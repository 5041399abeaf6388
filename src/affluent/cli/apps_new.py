"""`affluent apps new KEY`: a folder for an app, small and whole, which keeps every promise of the contract tests."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from affluent.catalog import load
from affluent.cli.output import MISUSED, console, fail

_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")


def new_app(
    key: Annotated[str, typer.Argument(help="Key of the app: lower-case letters, digits, underscores.")],
    title: Annotated[str, typer.Option(help="Its name for people; default: the key.")] = "",
    into: Annotated[Path, typer.Option(help="Folder of the new folder, e.g. src/affluent/apps.")] = Path(),
) -> None:
    """Write a new app's folder: declaration, sample, icon, README and test. Change it from there."""
    if not _KEY.fullmatch(key):
        fail(f"{key!r} is no key: it has 2 to 40 lower-case letters, digits and underscores, a letter first.", MISUSED)
    if key in load().apps:
        fail(f"There is an app {key!r} already.", MISUSED)
    folder = into / key
    if folder.exists():
        fail(f"{folder} is there already.", MISUSED)
    for name, text in files(key, title or key.replace("_", " ").capitalize()).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    console.print(f"{folder} is written. See docs/apps/tutorial.md for what goes where.", highlight=False)


def files(key: str, title: str) -> dict[str, str]:
    """Name → text of every file of a new app."""
    names = {"key": key, "title": title}
    return {Template(name).substitute(names): Template(text).substitute(names) for name, text in _FILES.items()}


_FILES = {
    "__init__.py": '"""$title: everything about it is in this folder."""\n',
    "app.py": '''"""$title: send messages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr

from affluent.sdk import App, Category, Context, CredentialsModel, Effect, InputModel, Limit, OutputModel


class Credentials(CredentialsModel):
    """A key of the vendor."""

    base_url: str = Field("https://api.example.com", title="Base URL", description="Where the vendor answers.")
    key: SecretStr = Field(title="API key", description="From the vendor's dashboard.")


class Message(InputModel):
    """What is sent."""

    to: str = Field(title="To", description="Who gets it.")
    text: str = Field(title="Text", description="What it says.")


class Sent(OutputModel):
    """What the vendor answers."""

    id: str = Field(title="Id", description="The vendor's id of the message.")


app = App(
    key="$key",
    title="$title",
    description="Send messages.",
    category=Category.COMMUNICATION,
    folder=Path(__file__).parent,
    credentials=Credentials,
    base_url=lambda credentials, _server: credentials.base_url,
    headers=lambda credentials: {"Authorization": f"Bearer {credentials.key.get_secret_value()}"},
    limit=Limit(requests=60, per_seconds=60),
    key_help="In the vendor's dashboard: Settings, API keys, New key.",
)


@app.test
async def test(ctx: Context[Credentials]) -> str:
    """Ask for our own account."""
    return f"Signed in as {(await ctx.http.request('GET', '/me')).json()['name']}."


@app.action(
    "send",
    title="Send a message",
    effect=Effect.IDEMPOTENT_WRITE,
    sample="send.json",
    key_lasts=timedelta(hours=24),  # how long the vendor knows a key, by its documentation
    same=("to",),
)
async def send(ctx: Context[Credentials], message: Message) -> Sent:
    """Send a message, once."""
    headers = {"Idempotency-Key": ctx.effect_key}
    answer = await ctx.http.request("POST", "/messages", json=message.model_dump(), headers=headers)
    return Sent.model_validate(answer.json())
''',
    "samples/send.json": """{
  "input": {"to": "ops@example.com", "text": "INV-2043 was paid."},
  "output": {"id": "msg-1"}
}
""",
    "icon.svg": """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor">
<title>$title</title><path d="M4 5h16v12H9l-5 4z"/></svg>
""",
    "README.md": """# $title

Sends messages through $title.

## Connect

In the vendor's dashboard: *Settings → API keys → New key*. Enter it under *Integrations → Apps → $title → Add connection*.
Saving asks the vendor for the account of the key; nothing is sent.

## Limits

60 requests a minute per connection. Every message carries an idempotency key, so a lost answer never sends it twice.
""",
    "tests/test_$key.py": '''"""$title: what is sent, and what a repeat says."""

from __future__ import annotations

from affluent.catalog import load

app = load().apps["$key"]


def test_a_message_goes_out_under_a_key() -> None:
    assert app.actions["send"].effect.value == "idempotent_write"
    assert set(app.actions["send"].input.model_fields) == {"to", "text"}
''',
}
