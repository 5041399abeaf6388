"""Positions decide the calls that tell of a sale or account: whether one is due, under which id, and how much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from affluent.domain.money.attribution import Outlook
from affluent.domain.money.effects import EffectKind
from affluent.engine.positions import Asked, Decision, Proceed, Tells
from affluent.services.money.account_calls import cancellation_call, outlook_of, sign_up_call
from affluent.services.money.asked import call_of, value
from affluent.services.money.credit_calls import credit_call
from affluent.services.money.gateway_calls import request_call, withdrawal_call
from affluent.services.money.sale_calls import refund_call, sale_call, same_again
from affluent.store import positions
from affluent.store.database import Database

_CALLS: dict[EffectKind, Callable[[Connection, Asked], Decision]] = {
    EffectKind.SIGN_UP: sign_up_call,
    EffectKind.SALE: sale_call,
    EffectKind.REFUND: refund_call,
    EffectKind.CANCELLATION: cancellation_call,
    EffectKind.CREDIT: credit_call,
    EffectKind.CREDIT_BACK: credit_call,
    EffectKind.REQUEST: request_call,
    EffectKind.WITHDRAWAL: withdrawal_call,
}


class SalePositions:
    """Answers the engine for the positions of sales and accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decide(self, asked: Asked) -> Decision:
        """Whether a call is due, under which id, and how much."""
        return await self._database.read(lambda connection: _decide(connection, asked))

    async def outlook(self, asked: Asked, answered_at: datetime) -> Outlook:
        """What becomes of the answer "nobody referred this customer"."""
        return await self._database.read(lambda connection: outlook_of(connection, asked, answered_at))


def _decide(connection: Connection, asked: Asked) -> Decision:
    begun = positions.effect_of_step(connection, asked.run_id, asked.position)
    if begun is not None and begun.was_sent and begun.sale_id and asked.action.key_field:
        return same_again(asked, begun)
    call = call_of(asked)
    if not value(asked, call.about):  # the flow names no sale or account, so it decides itself
        return Proceed(tells=Tells())
    return _CALLS[call.kind](connection, asked)
