"""Calls about an account at a tracker: its sign-up and its cancellation, and what "nobody referred it" means for later."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from affluent.domain.money.attribution import Outlook, attribution, cancellation, outlook
from affluent.domain.money.effects import EffectKind, State
from affluent.domain.money.facts import VisitorId, current
from affluent.engine.positions import Asked, Decision, Drop, Hold, Proceed, Tells
from affluent.kit import clock
from affluent.services.money.asked import call_of, effect_of, policy_of, value
from affluent.store import facts as store
from affluent.store import positions


def sign_up_call(connection: Connection, asked: Asked) -> Decision:
    """A sign-up takes the visitor id that is known by now where its event had none."""
    call, tells = call_of(asked), Tells(tells=EffectKind.SIGN_UP)
    if any(value(asked, name) for name in call.referral_settings.values()):
        return Proceed(tells=tells)
    account_id = asked.account_id or value(asked, call.about)
    visitors = [fact for fact in current(store.of_accounts(connection, [account_id])) if isinstance(fact, VisitorId)]
    inputs = {call.referral_settings[fact.name]: fact.value for fact in visitors if fact.name in call.referral_settings}
    return Proceed(tells=tells, inputs=inputs)


def cancellation_call(connection: Connection, asked: Asked) -> Decision:
    """A cancellation is told at the end of the paid period, and not at all when it was taken back."""
    tells = Tells(tells=EffectKind.CANCELLATION)
    account_id = asked.account_id or value(asked, call_of(asked).about)
    planned = cancellation(account_id, store.of_accounts(connection, [account_id]), (), now=clock.now())
    if planned is None or planned.state is State.DUE:
        return Proceed(tells=tells)
    if planned.state is State.DROPPED:
        return Drop(tells=tells, sentence=planned.sentence)
    return Hold(tells=tells, sentence=planned.sentence, until=planned.again_at)


def outlook_of(connection: Connection, asked: Asked, answered_at: datetime) -> Outlook:
    """What becomes of the answer "nobody referred this customer"."""
    call, policy = call_of(asked), policy_of(asked)
    account_id = asked.account_id or value(asked, call.account)
    facts = current(store.of_accounts(connection, [account_id]))
    if call.kind is not EffectKind.SALE:
        final_at = asked.occurred_at + policy.looked_for
        if answered_at >= final_at or call.kind is not EffectKind.SIGN_UP:
            return Outlook(state=State.DROPPED, sentence="")
        return Outlook(
            state=State.NOT_REFERRED,
            sentence="Taken up again by itself when a visitor id or referral id is saved.",
            again_at=final_at,
        )
    stored = positions.effects_of(connection, asked.connection_id, sale_ids=(), account_ids=[account_id])
    effects = [effect for item in stored if (effect := effect_of(item, asked)) is not None]
    referral = attribution(account_id, facts, effects, policy=policy)
    return outlook(referral, answered_at, asked.occurred_at, now=answered_at, policy=policy)
