"""Calls about what a customer is asked to pay at a gateway: the request follows what is open on the invoice."""

from __future__ import annotations

from sqlalchemy import Connection

from affluent.domain.money.effects import COUNTED, EffectKind, Planned, State
from affluent.domain.money.facts import current
from affluent.domain.money.receipts import receipts_of
from affluent.domain.money.requests import open_amount, request_plan
from affluent.engine.positions import Asked, Decision, Drop, Proceed, Tells
from affluent.kit.money import Money
from affluent.services.money.asked import call_of, key_field, value
from affluent.services.money.sale_calls import Sale, go, hold_until_settled


def withdrawal_call(connection: Connection, asked: Asked) -> Decision:
    """The next request that asks for another amount than is open."""
    plan, sale = _plan(connection, asked)
    tells = Tells(tells=EffectKind.WITHDRAWAL, sale_id=sale.sale_id if sale else value(asked, call_of(asked).about))
    due = next((item for item in plan if item.kind is EffectKind.WITHDRAWAL and item.state is State.DUE), None)
    if sale is None or due is None:
        return Drop(tells=tells, sentence="No request is open that asks for another amount than is due.")
    inputs = {key_field(asked): due.key}
    return Proceed(
        tells=Tells(tells=due.kind, sale_id=sale.sale_id, answers_to=due.answers_to), inputs=inputs, note=due.sentence
    )


def request_call(connection: Connection, asked: Asked) -> Decision:
    """A request for what is open, once no other one is."""
    plan, sale = _plan(connection, asked)
    if sale is None:
        return Proceed(tells=Tells(tells=EffectKind.REQUEST, sale_id=value(asked, call_of(asked).about)))
    tells = Tells(tells=EffectKind.REQUEST, sale_id=sale.sale_id)
    item = next((item for item in plan if item.kind is EffectKind.REQUEST), None)
    if item is None:
        return Drop(tells=tells, sentence=_nothing_to_ask_for(sale))
    if item.state is State.HELD:
        return hold_until_settled(asked, sale, item)
    return go(asked, sale, item)


def _plan(connection: Connection, asked: Asked) -> tuple[list[Planned], Sale | None]:
    sale = Sale.of(connection, asked)
    states = current(sale.facts) if sale is not None else []
    receipts = receipts_of(sale.sale_id, states) if sale is not None else None
    if sale is None or receipts is None:
        return [], None
    effects = [item for item in sale.effects if item.state in COUNTED]
    smallest = call_of(asked).smallest(receipts.currency)
    return request_plan(receipts, sale.facts, effects, smallest=smallest), sale


def _nothing_to_ask_for(sale: Sale) -> str:
    receipts = receipts_of(sale.sale_id, current(sale.facts))
    if receipts is None or not open_amount(receipts):
        return f"Nothing is open on {sale.sale_id}, so the customer is not asked for money."
    due = Money(open_amount(receipts), receipts.currency)
    return f"The customer is asked for {due} of {sale.sale_id} already, or that is less than the gateway takes."
