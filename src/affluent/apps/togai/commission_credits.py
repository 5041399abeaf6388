"""Credit for a promoter's commissions: granted once for each commission, and taken back with it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affluent.apps.togai.client import Ctx, at, number, pages
from affluent.apps.togai.ledger import grant_credit
from affluent.apps.togai.schemas import CreditRecord, NewCredit
from affluent.kit.jsons import JSONObject, text_of
from affluent.kit.money import Money
from affluent.sdk import AlreadyApplied, InputModel, NotApplicable, Rejected


class CommissionCredit(InputModel):
    """The credit that a promoter's account has for one commission."""

    commission_id: str = Field(
        min_length=1,
        max_length=100,
        title="Commission id",
        description="The commission that earns it. Its id at the tracker; credit is granted once for each.",
    )
    tracker: str = Field(
        "the tracker", min_length=1, max_length=60, title="Tracker", description="Shown in the purpose."
    )
    account_id: str = Field(min_length=1, title="Account id", description="The promoter's own account.")
    unit: Literal["credits", "cash"] = Field(
        "credits", title="Commissions that count", description="Credits are rewards that are not paid in money."
    )
    unit_value: int = Field(
        100,
        ge=1,
        title="Worth of one unit",
        description="Minor units of the currency that one unit of commission is worth.",
    )
    amount: int = Field(
        title="Amount",
        description="Minor units. What is granted or taken back follows all of the promoter's commissions; this is used where"
        " nothing is known of them.",
    )
    currency: str = Field(pattern="^[A-Za-z]{3}$", title="Currency", description="The account's currency, ISO 4217.")
    grantor_id: str = Field("", title="Grantor id", description="The promoter's id at the tracker.")


async def grant_commission_credit(ctx: Ctx, credit_input: CommissionCredit) -> CreditRecord:
    """Give a promoter's account credit for an approved commission, once. Less is granted when others were taken back."""
    if credit_input.amount <= 0:
        raise NotApplicable("Only a commission above zero becomes credit.")
    new = NewCredit(
        account_id=credit_input.account_id,
        amount=credit_input.amount,
        currency=credit_input.currency,
        purpose=purpose_of(credit_input),
        grantor_id=credit_input.grantor_id,
    )
    return await grant_credit(ctx, new)


async def take_back_commission_credit(ctx: Ctx, credit_input: CommissionCredit) -> CreditRecord:
    """Void the credit that was granted for a commission. A credit that is used in part is a person's to settle."""
    credit = await _credit_for(ctx, credit_input)
    if credit is None:
        raise NotApplicable(f"No credit was granted for commission {credit_input.commission_id}.")
    if text_of(credit.get("status")) == "VOIDED":
        raise AlreadyApplied("This credit is void already.", output=_record(credit, credit_input))
    if number(Money(credit_input.amount, credit_input.currency).major) < credit.get("creditAmount", 0) or credit.get(
        "consumedAmount"
    ):
        raise Rejected(
            f"The credit {text_of(credit.get('id'))} cannot be taken back in part, or is used already: Togai voids whole credits"
            " only. Settle it with the promoter by hand.",
            field="amount",
        )
    await ctx.http.request("POST", f"{at('credits', text_of(credit.get('id')))}/void")
    return _record({**credit, "status": "VOIDED"}, credit_input)


def purpose_of(credit_input: CommissionCredit) -> str:
    """What the credit says of itself; money.py reads the commission's id from it."""
    return f"Commission {credit_input.commission_id} of {credit_input.tracker}"


async def _credit_for(ctx: Ctx, credit_input: CommissionCredit) -> JSONObject | None:
    prefix = f"Commission {credit_input.commission_id} "
    async for credit in pages(ctx, "/credits", account_id=credit_input.account_id):
        if text_of(credit.get("purpose")).startswith(prefix):
            return credit
    return None


def _record(credit: JSONObject, credit_input: CommissionCredit) -> CreditRecord:
    return CreditRecord(
        credit_id=text_of(credit.get("id")),
        account_id=credit_input.account_id,
        amount=str(Money(credit_input.amount, credit_input.currency).major),
        currency=credit_input.currency,
        status=text_of(credit.get("status")),
    )
