"""What a run that ended badly tells."""

from __future__ import annotations

from pydantic import Field

from affluent.sdk import OutputModel


class FailedRun(OutputModel):
    """A run that ended failed or unknown."""

    run_id: str = Field(title="Run", description="Id of the run.")
    state: str = Field(
        title="State", description="failed, or unknown: nobody knows whether the vendor applied its write."
    )
    flow_id: str = Field(title="Flow id", description="Id of its flow.")
    flow: str = Field(title="Flow", description="Name of its flow.")
    flow_connection: str = Field(title="Flow connection", description="Name of its flow connection.")
    event_type: str = Field(title="Event", description="What started it, e.g. invoice.paid.")
    title: str = Field("", title="Title", description="What it is about, e.g. INV-2043 · Northwind Labs.")
    sentence: str = Field(title="Reason", description="Why it ended, for people.")
    cause: str = Field("", title="Cause", description="Why it ended, as a code.")
    app: str = Field("", title="App", description="App of the step that it ended at; empty when it had begun none.")
    action: str = Field("", title="Action", description="Action of that step.")
    undone: list[str] = Field(
        title="Undone", description="What it has not done: app.action of that step and those after it."
    )
    account_id: str = Field("", title="Account", description="The account it is about.")
    amount: str = Field("", title="Amount", description="Net, in major units; empty when it moves no money.")
    currency: str = Field("", title="Currency", description="ISO 4217.")
    link: str = Field(title="Link", description="Address of its page, where it can be resumed.")
