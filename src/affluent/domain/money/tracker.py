"""What the tracker holds of a sale: what we told it, corrected by what its own lists say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from affluent.domain.money.effects import ADDS, TAKES, THERE, Effect, EffectKind, State
from affluent.domain.money.facts import Entry, EntryState, Fact
from affluent.domain.money.policy import Policy
from affluent.domain.money.receipts import Receipts
from affluent.domain.money.rounding import from_units


def known_effects(sale: Receipts, states: Sequence[Fact], effects: Sequence[Effect], policy: Policy) -> list[Effect]:
    """The sale's effects at the tracker, each once: ours as the tracker lists them, and those that only the tracker has."""
    entries = {(not fact.is_refund, fact.id): fact for fact in states if isinstance(fact, Entry)}
    known: list[Effect] = []
    seen: set[tuple[bool, str]] = set()
    for effect in effects:
        if effect.kind not in ADDS | TAKES or (effect.kind in ADDS, effect.key) in seen:
            continue
        key = (effect.kind in ADDS, effect.key)
        seen.add(key)
        merged = _merged(effect, entries.get(key), policy)
        if merged is not None:
            known.append(merged)
    others = [entry for key, entry in entries.items() if key not in seen and entry.state is EntryState.HELD]
    has_sale = any(item.kind is EffectKind.SALE for item in known)
    for entry in others:
        kind = EffectKind.REFUND if entry.is_refund else EffectKind.AGAIN if has_sale else EffectKind.SALE
        has_sale = has_sale or kind is EffectKind.SALE
        known.append(_theirs(entry, kind, sale, policy))
    return known


def _merged(effect: Effect, entry: Entry | None, policy: Policy) -> Effect | None:
    """One effect of ours with what the tracker lists under its key; None: it was looked up and is not there."""
    if entry is None:
        return effect
    if entry.state is EntryState.ABSENT:
        if effect.answered_at is not None and entry.learned_at <= effect.answered_at:
            return effect  # the list is older than the answer
        if effect.state in THERE:
            return replace(effect, state=State.MISSING)
        return None if effect.state is State.UNKNOWN else effect
    units, currency = entry.units, entry.currency or effect.currency
    same = (units, currency) == (effect.units, effect.currency)
    if effect.state in THERE and same:
        return effect
    return replace(
        effect,
        state=effect.state if effect.state in THERE else State.ALREADY_THERE,
        units=units,
        amount=effect.amount if same else from_units(units, currency, policy.places),
        currency=currency,
        is_theirs=not same,
        is_dismissed=False,
    )


def _theirs(entry: Entry, kind: EffectKind, sale: Receipts, policy: Policy) -> Effect:
    units, currency = entry.units, entry.currency or sale.currency
    return Effect(
        kind=kind,
        key=entry.id,
        state=State.ALREADY_THERE,
        units=units,
        amount=from_units(units, currency, policy.places),
        currency=currency,
        about=sale.sale_id,
        answered_at=entry.learned_at,
        is_theirs=True,
    )
