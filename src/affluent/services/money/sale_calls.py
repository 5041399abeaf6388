"""Calls about a sale at a tracker: the sale or a part of it, a correction upwards, and refunds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from affluent.domain.money.effects import ADDS, COUNTED, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import Fact, current
from affluent.domain.money.position import Position, position
from affluent.domain.money.receipts import receipts_of
from affluent.domain.money.sales import aliases, by_sale
from affluent.engine.positions import Asked, Decision, Drop, Hold, Proceed, Tells
from affluent.kit import clock
from affluent.kit.money import Money
from affluent.services.money.asked import call_of, effect_of, inputs_of, key_field, policy_of, value, vendor_id
from affluent.store import facts as store
from affluent.store import positions
from affluent.store.positions import StoredEffect

_HELD_FOR = timedelta(hours=6)
"""A held call is looked at again after this, also when nothing of what it waits for was seen to change."""


def same_again(asked: Asked, begun: StoredEffect) -> Proceed:
    """A request that may have been applied is repeated as it was, whatever was learned meanwhile."""
    tells = Tells(tells=begun.tells, sale_id=begun.sale_id, units=begun.units, answers_to=begun.answers_to)
    return Proceed(tells=tells, inputs=inputs_of(asked, vendor_id(begun, asked), begun.amount_minor or 0))


class Sale:
    """A sale with its position, as far as it is known."""

    def __init__(self, sale_id: str, facts: Sequence[Fact], effects: Sequence[Effect], asked: Asked) -> None:
        self.sale_id = sale_id
        self.facts = facts
        self.policy = policy_of(asked)
        self.effects = effects
        self.now = clock.now()

    @classmethod
    def of(cls, connection: Connection, asked: Asked) -> Sale | None:
        """The sale that a call is about; None while no system has said anything of it."""
        named = value(asked, call_of(asked).about)
        facts = store.of_sale(connection, named)
        sales = by_sale(facts)
        sale_id = named if named in sales else next((id_ for id_ in sales if named in aliases(id_, facts)), "")
        if not sale_id:
            return None
        of_sale = sales[sale_id]
        stored = positions.effects_of(
            connection,
            asked.connection_id,
            sale_ids=aliases(sale_id, of_sale),
            account_ids=[asked.account_id],
        )
        effects = [effect for item in stored if (effect := effect_of(item, asked)) is not None]
        return cls(sale_id, of_sale, effects, asked)

    def position(self, *, asked_again: frozenset[EffectKind]) -> Position | None:
        """The position, as if calls of these kinds that did not come to be had not been tried: they are tried again now."""
        effects = [item for item in self.effects if item.state in COUNTED or item.kind not in asked_again]
        return position(self.sale_id, self.facts, effects, now=self.now, policy=self.policy)


def sale_call(connection: Connection, asked: Asked) -> Decision:
    """The next call that raises what the tracker holds: the sale, a part of it, or a correction upwards."""
    sale = Sale.of(connection, asked)
    return _sale_call(sale, asked) if sale is not None else unknown_sale(asked)


def unknown_sale(asked: Asked) -> Proceed:
    """No system has said anything of the sale: the call is made as the flow maps it."""
    call = call_of(asked)
    return Proceed(tells=Tells(tells=call.kind, sale_id=value(asked, call.about)))


def _sale_call(sale: Sale, asked: Asked) -> Decision:
    of = sale.position(asked_again=frozenset(ADDS))
    if of is None:
        return Proceed(tells=Tells(tells=EffectKind.SALE, sale_id=sale.sale_id))
    steps = [item for item in of.plan if item.kind in ADDS]
    by_state = {item.state: item for item in reversed(steps)}
    unsigned = [item for item in steps if item.held_by == of.account_id]
    if State.DUE in by_state or unsigned:  # nobody waits for a sign-up that no flow may ever tell
        return go(asked, sale, by_state.get(State.DUE) or unsigned[0])
    if State.HELD in by_state:
        return _hold(asked, sale, by_state[State.HELD], of)
    same = _told(steps, value(asked, key_field(asked)))
    return _nothing_due(sale, of, by_state.get(State.DROPPED)) if same is None else go(asked, sale, same)


def _told(steps: Sequence[Planned], key: str) -> Planned | None:
    """The call that was made already, under this key if there is one."""
    made = {item.key: item for item in steps if item.state in COUNTED}
    return made.get(key) or next(iter(made.values()), None)


def _nothing_due(sale: Sale, of: Position, dropped: Planned | None) -> Drop:
    tells = Tells(tells=EffectKind.SALE, sale_id=sale.sale_id)
    return Drop(tells=tells, sentence=dropped.sentence if dropped else _why_not_due(of, sale))


def _why_not_due(of: Position, sale: Sale) -> str:
    received, total = Money(of.received, of.currency), Money(of.total, of.currency)
    if of.received and not of.kept:
        return f"All of {received} went back before {sale.sale_id} was tracked, so there is nothing to track."
    return f"{sale.sale_id} is not due yet: {received} of {total} are paid."


def refund_call(connection: Connection, asked: Asked) -> Decision:
    """The refund of one reversing fact: its cumulative share of the sale."""
    sale = Sale.of(connection, asked)
    return _refund_call(sale, asked) if sale is not None else unknown_sale(asked)


def _refund_call(sale: Sale, asked: Asked) -> Decision:
    of = sale.position(asked_again=frozenset({EffectKind.REFUND}))
    key = value(asked, key_field(asked))
    tells = Tells(tells=EffectKind.REFUND, sale_id=sale.sale_id)
    receipts = receipts_of(sale.sale_id, current(sale.facts))
    is_known = receipts is not None and any(reversal.id == key for reversal in receipts.reversals)
    if of is None or not is_known:
        return Proceed(tells=tells)
    item = next((item for item in of.plan if item.kind is EffectKind.REFUND and item.key == key), None)
    if item is None:
        return _without_call(of, sale, tells)
    if item.state is State.HELD:
        return _hold(asked, sale, item, of)
    if item.state is State.DROPPED:
        return Drop(tells=tells, sentence=item.sentence)
    return go(asked, sale, item)


def _without_call(of: Position, sale: Sale, tells: Tells) -> Decision:
    blocker = next((item for item in of.plan if item.kind is EffectKind.SALE and item.state not in COUNTED), None)
    if blocker is not None and blocker.state is State.DROPPED:
        sentence = f"Nothing to take back so far: the sale {blocker.key} was not tracked, and all of it went back."
        return Hold(tells=tells, sentence=sentence)
    if blocker is not None:
        sentence = f"Waits for the sale {blocker.key}: {blocker.sentence}"
        return Hold(tells=tells, sentence=sentence, until=_until(blocker, sale.now))
    return Drop(tells=tells, sentence="Nothing more to take back: what went back is taken back already.")


def go(asked: Asked, sale: Sale, item: Planned) -> Proceed:
    """Make the planned call."""
    tells = Tells(tells=item.kind, sale_id=sale.sale_id, units=item.units, answers_to=item.answers_to)
    return Proceed(tells=tells, inputs=inputs_of(asked, item.key, item.amount), note=_note(asked, item))


def _note(asked: Asked, item: Planned) -> str:
    """What is said when the position sends another amount than the mapping gave."""
    action = asked.action
    if action.money is None or item.state in COUNTED:
        return ""
    mapped = getattr(asked.action_input, action.money[0])
    if mapped == item.amount:
        return ""
    return f"{Money(item.amount, item.currency)} are due, by all that is known of the sale: {item.sentence}"


def _hold(asked: Asked, sale: Sale, item: Planned, of: Position) -> Hold:
    blocker = next((step for step in of.plan if step.key == item.held_by and step is not item), None)
    return Hold(
        tells=Tells(tells=item.kind, sale_id=sale.sale_id, units=item.units, answers_to=item.answers_to),
        sentence=item.sentence,
        inputs=inputs_of(asked, item.key, item.amount),
        until=_until(blocker, sale.now),
    )


def _until(blocker: Planned | None, now: datetime) -> datetime | None:
    """A call behind a sale that nobody is credited for ends as skipped, and comes back with the sale."""
    if blocker is not None and blocker.state is State.NOT_REFERRED:
        return None
    return now + _HELD_FOR


def hold_until_settled(asked: Asked, sale: Sale, item: Planned) -> Hold:
    """Wait for the call that goes before this one, whatever becomes of it."""
    return Hold(
        tells=Tells(tells=item.kind, sale_id=sale.sale_id, units=item.units, answers_to=item.answers_to),
        sentence=f"{item.sentence} Waits until the earlier request is withdrawn.",
        inputs=inputs_of(asked, item.key, item.amount),
        until=sale.now + _HELD_FOR,
    )
