"""A vendor for chaos tests, as the product sees it: a write under a key, and a write that can only be looked up."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from affluent.sdk import App, Category, Context, CredentialsModel, Effect, InputModel, NotApplicable, OutputModel


class Address(CredentialsModel):
    """Where the vendor listens."""

    base_url: str = Field(title="Base URL", description="Where the vendor listens.")


class Line(InputModel):
    """A line of the vendor's book."""

    id: str = Field(title="Id", description="Id of the line.")
    account: str = Field("", title="Account", description="Whose line it is.")


class Receipt(OutputModel):
    """What the vendor answers."""

    receipt: str


def _absent(_response: object) -> NotApplicable:
    return NotApplicable("There is no such line.")


app = App(
    key="ledger",
    title="Ledger",
    description="A vendor for chaos tests.",
    category=Category.UTILITY,
    folder=Path(__file__).parent,
    credentials=Address,
    base_url=lambda address, _server_url: address.base_url,
)


async def find(ctx: Context[Address], line: Line) -> Receipt | None:
    """The line, if it is in the book."""
    try:
        answer = await ctx.http.request("GET", f"/lines/{line.id}", faults={404: _absent})
    except NotApplicable:
        return None
    return Receipt.model_validate(answer.json())


@app.action("write", title="Write", effect=Effect.WRITE, sample="", look_up=find)
async def write(ctx: Context[Address], line: Line) -> Receipt:
    """Add a line; a repeat adds another."""
    answer = await ctx.http.request("POST", "/lines", json=line.model_dump())
    return Receipt.model_validate(answer.json())


@app.action("put", title="Put", effect=Effect.IDEMPOTENT_WRITE, sample="")
async def put(ctx: Context[Address], line: Line) -> Receipt:
    """Add an entry under a key; a repeat under the same key changes nothing."""
    headers = {"Idempotency-Key": ctx.effect_key}
    answer = await ctx.http.request("POST", "/entries", json=line.model_dump(), headers=headers)
    return Receipt.model_validate(answer.json())
