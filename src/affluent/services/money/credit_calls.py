"""Calls about credit at billing for a promoter's commissions: it follows them, up and down."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection

from affluent.domain.money.credits import CreditPosition, Terms, credit_position
from affluent.domain.money.effects import COUNTED, EffectKind, State
from affluent.domain.money.facts import Commission
from affluent.engine.positions import Asked, Decision, Drop, Hold, Proceed, Refuse, Tells
from affluent.kit import clock
from affluent.services.money.asked import call_of, effect_of, inputs_of, value
from affluent.store import facts as store
from affluent.store import positions

_HELD_FOR = timedelta(hours=6)
CASH = "cash"


def credit_call(connection: Connection, asked: Asked) -> Decision:
    """The next credit that is to be granted, or to be taken back, for the promoter of a commission."""
    call = call_of(asked)
    commission_id = value(asked, call.about)
    commissions = [
        fact for fact in store.of_kind(connection, Commission, things=[commission_id]) if isinstance(fact, Commission)
    ]
    if not commissions:
        return Proceed(tells=Tells(tells=call.kind, sale_id=commission_id))
    of = _position(connection, asked, commissions[-1].promoter_id)
    tells = Tells(tells=call.kind, sale_id=of.promoter_id)
    item = next((item for item in of.plan if item.kind is call.kind), None)
    if item is None:
        return Drop(tells=tells, sentence=_NOTHING[call.kind])
    if item.state is State.HELD:
        return Hold(tells=tells, sentence=item.sentence, until=clock.now() + _HELD_FOR)
    if item.state is State.PROPOSED:
        return Refuse(tells=tells, sentence=item.sentence)
    return Proceed(tells=tells, inputs=inputs_of(asked, item.key, item.amount), note=item.sentence)


_NOTHING = {
    EffectKind.CREDIT: "The promoter has the credit that is due for the approved commissions already.",
    EffectKind.CREDIT_BACK: "No credit stands for a commission that was taken back.",
}


def _position(connection: Connection, asked: Asked, promoter_id: str) -> CreditPosition:
    call = call_of(asked)
    account_id = value(asked, call.account)
    facts = [*store.of_promoter(connection, promoter_id), *store.credits_of(connection, account_id)]
    stored = positions.effects_of(connection, asked.connection_id, sale_ids=[promoter_id])
    effects = [effect for item in stored if (effect := effect_of(item, asked)) is not None and effect.state in COUNTED]
    worth = getattr(asked.action_input, call.worth)
    currency = value(asked, call.currency)
    return credit_position(
        promoter_id,
        facts,
        effects,
        Terms(currency=currency, minor_units=worth, is_cash=value(asked, call.unit) == CASH),
    )
