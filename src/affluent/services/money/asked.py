"""A call that a step is about to make, and the effects that stand beside it, as positions know them."""

from __future__ import annotations

from affluent.domain.money.effects import Effect, EffectKind, State
from affluent.domain.money.policy import Counts, Policy
from affluent.domain.money.rounding import in_units
from affluent.domain.run import Fate
from affluent.engine.positions import Asked
from affluent.kit.jsons import JSONObject, text_of
from affluent.sdk.facts import PositionCall
from affluent.store.positions import StoredEffect

_STATES = {
    Fate.APPLIED: State.APPLIED,
    Fate.ALREADY_APPLIED: State.ALREADY_THERE,
    Fate.NOT_APPLICABLE: State.NOT_REFERRED,
    Fate.REJECTED: State.REJECTED,
    Fate.UNKNOWN: State.UNKNOWN,
}


def call_of(asked: Asked) -> PositionCall:
    """What the action declares of itself; only actions that do are asked about."""
    call = asked.action.position
    assert call is not None  # noqa: S101 - only such actions ask
    return call


def key_field(asked: Asked) -> str:
    """The input field with the id of the effect at the vendor; "" where the vendor takes none."""
    return asked.action.key_field


def value(asked: Asked, name: str) -> str:
    """An input field as text; "" where it is empty or there is no such field."""
    return text_of(getattr(asked.action_input, name, "")) if name else ""


def inputs_of(asked: Asked, key: str, amount: int) -> JSONObject:
    """The input fields that the position decides: the id of the effect, and its money in minor units."""
    inputs: JSONObject = {key_field(asked): key} if key_field(asked) else {}
    if asked.action.money is not None:
        inputs[asked.action.money[0]] = amount
    return inputs


def policy_of(asked: Asked) -> Policy:
    """The rules of a connection, and what the flow chose."""
    call = call_of(asked)
    counts = value(asked, call.counts) if call.counts else ""
    places = call.places(asked.credentials)
    return Policy(counts=Counts(counts) if counts else Counts.WHEN_PAID_IN_FULL, places=places)


def effect_of(item: StoredEffect, asked: Asked) -> Effect | None:
    """A stored effect as positions know it; None when nothing is known of it that counts."""
    fate = Fate(item.fate)
    state = _STATES.get(fate, State.INTENDED)
    if fate in (Fate.HELD, Fate.DROPPED) or (fate is Fate.INTENDED and not item.was_sent) or not item.tells:
        return None
    places, amount = call_of(asked).places(asked.credentials), item.amount_minor or 0
    units = item.units if item.units is not None else in_units(amount, item.currency, places) if item.currency else 0
    is_of_account = item.tells in (EffectKind.SIGN_UP, EffectKind.CANCELLATION)
    return Effect(
        kind=EffectKind(item.tells),
        key=vendor_id(item, asked),
        state=state,
        units=units,
        amount=amount,
        currency=item.currency,
        about=item.account_id if is_of_account else item.sale_id,
        answers_to=item.answers_to,
        reason=item.sentence,
        answered_at=item.updated_at,
    )


def vendor_id(item: StoredEffect, asked: Asked) -> str:
    """The id under which an effect is known at the vendor."""
    return text_of(item.input.get(key_field(asked))) or item.key.rpartition("/")[2]
