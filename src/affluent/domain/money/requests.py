"""What a customer is asked to pay at a gateway: the request follows what is open on the invoice."""

from __future__ import annotations

from collections.abc import Sequence

from affluent.domain.money.effects import COUNTED, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import Fact, PaymentRequest, RequestState, current
from affluent.domain.money.receipts import Receipts
from affluent.kit.money import Money


def open_amount(sale: Receipts) -> int:
    """What the customer still owes. Money that went back is not asked for again."""
    return 0 if sale.has_ended else max(0, sale.total - sale.received)


def request_plan(
    sale: Receipts, facts: Sequence[Fact], effects: Sequence[Effect], *, smallest: int = 1
) -> list[Planned]:
    """Withdraw each request that asks for another amount than is open, then ask for what is open.

    A new request waits until the old ones are withdrawn, so that no two can be paid.
    """
    requests = [fact for fact in current(facts) if isinstance(fact, PaymentRequest) and fact.invoice_id == sale.sale_id]
    due = open_amount(sale)
    asks = [item for item in requests if item.state is RequestState.OPEN]
    right = next((item for item in asks if item.amount - item.paid == due and due >= smallest), None)
    sent = {(item.kind, item.key): item for item in effects}
    plan = [_withdrawal(item, sale, sent.get((EffectKind.WITHDRAWAL, item.id))) for item in asks if item is not right]
    if right is not None or due < smallest:
        return plan
    key = sale.sale_id if not requests else f"{sale.sale_id}:{len(requests) + 1}"
    known = sent.get((EffectKind.REQUEST, key))
    blocker = next((item for item in plan if item.state not in (State.APPLIED, State.ALREADY_THERE)), None)
    money = Money(due, sale.currency)
    return [
        *plan,
        Planned(
            kind=EffectKind.REQUEST,
            key=key,
            state=known.state if known is not None else State.HELD if blocker is not None else State.DUE,
            units=due,
            amount=due,
            currency=sale.currency,
            sentence=f"{money} of {sale.sale_id} are open.",
            held_by=blocker.key if blocker is not None and known is None else "",
        ),
    ]


def _withdrawal(request: PaymentRequest, sale: Receipts, known: Effect | None) -> Planned:
    asked, due = Money(request.amount - request.paid, sale.currency), Money(open_amount(sale), sale.currency)
    why = f"{sale.sale_id} is {sale.state}" if sale.has_ended else f"{due} are open"
    is_known = known is not None and known.state in COUNTED | {State.REJECTED}
    return Planned(
        kind=EffectKind.WITHDRAWAL,
        key=request.id,
        state=known.state if known is not None and is_known else State.DUE,
        units=0,
        amount=0,
        currency=sale.currency,
        sentence=f"The request asks for {asked}, and {why}.",
        answers_to=sale.sale_id,
    )
