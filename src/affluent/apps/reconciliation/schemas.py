"""What a statement that leaves money unexplained tells."""

from __future__ import annotations

from pydantic import Field

from affluent.kit.jsons import JSONObject
from affluent.sdk import OutputModel


class Remainder(OutputModel):
    """Money of one currency that nobody has explained."""

    currency: str = Field(title="Currency", description="ISO 4217.")
    amount: str = Field(title="Amount", description="Major units.")
    lines: int = Field(title="Lines", description="How many comparisons it comes from.")


class Unexplained(OutputModel):
    """A statement with money that nobody has explained."""

    statement_id: str = Field(title="Statement", description="Id of the statement.")
    first_day: str = Field(title="First day", description="Of the period.")
    last_day: str = Field(title="Last day", description="Of the period.")
    summary: str = Field(title="Summary", description="In one sentence, e.g. for a message.")
    remainders: list[Remainder] = Field(title="Remainders", description="By currency.")


class Correction(OutputModel):
    """A call that puts a line of a statement right."""

    inputs: JSONObject = Field(title="Inputs", description="What the action is given.")
    statement_id: str = Field(title="Statement", description="Id of the statement.")
    line: int = Field(title="Line", description="Number of the line in the statement.")
    author: str = Field("", title="Author", description="Who asked for it.")
