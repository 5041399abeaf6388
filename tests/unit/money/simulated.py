"""A small world: a customer, billing, a gateway and a tracker that answers late, loses answers and refuses calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from affluent.domain.money.attribution import cancellation
from affluent.domain.money.effects import ADDS, Effect, EffectKind, Planned, State
from affluent.domain.money.facts import Cancellation as CancellationFact
from affluent.domain.money.facts import CancellationState, DisputeState, Fact, InvoiceState, Means
from affluent.domain.money.policy import Policy
from affluent.domain.money.position import Position, next_calls, position, repair_calls
from affluent.domain.money.rounding import in_units
from affluent.domain.money.sales import by_sale
from tests.unit.money.made import ACCOUNT, START, applied, at, day, dispute, invoice, lead, paid, refund, visitor

TOTAL, NET = 118000, 100000
EVENTS = (
    "sign-up", "late visitor id", "paid", "part paid", "part refund", "refund", "dispute opened", "dispute won",
    "dispute lost", "void", "credit", "cancel", "reactivate",
)  # fmt: skip
ANSWERS = ("taken", "answer lost", "request lost", "refused")
VISIBLE = timedelta(minutes=10)


def two_places(currency: str) -> int:
    return 2


POLICY = Policy(places=two_places, looked_for=timedelta(days=10), told_within=timedelta(days=365))


@dataclass(slots=True)
class Truth:
    """What really happened to the money, by plain arithmetic."""

    payments: list[tuple[str, int, int]] = field(default_factory=list)
    """(id, amount, what of it was brought to the invoice)"""
    back: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    is_void: bool = False
    visitor: bool = False
    is_known_there: bool = False
    is_leaving: bool = False

    def reversed_of(self, payment: tuple[str, int, int]) -> int:
        id_, amount, brought = payment
        gone = self.back.get(id_, 0) + self.lost.get(id_, 0)
        return min(brought, max(0, gone - (amount - brought)))

    @property
    def received(self) -> int:
        return sum(brought for _, _, brought in self.payments)

    @property
    def kept(self) -> int:
        return 0 if self.is_void else self.received - sum(self.reversed_of(payment) for payment in self.payments)

    @property
    def owed_back(self) -> int:
        own = 0
        for id_, amount, brought in self.payments:
            if id_.startswith("pay"):
                spare = amount if self.is_void else amount - brought
                own += max(0, spare - self.back.get(id_, 0) - self.lost.get(id_, 0))
        return own

    @property
    def too_much_back(self) -> int:
        return sum(max(0, self.back.get(id_, 0) + self.lost.get(id_, 0) - amount) for id_, amount, _ in self.payments)

    def pay(self, id_: str, amount: int) -> None:
        self.payments.append((id_, amount, min(amount, TOTAL - self.kept_before_void)))

    def give_way(self, id_: str) -> None:
        """A payment that counts again has no room where billing applied something else meanwhile."""
        over = max(0, self.kept_before_void - TOTAL)
        self.payments = [
            (payment, amount, brought - over if payment == id_ else brought)
            for payment, amount, brought in self.payments
        ]

    @property
    def kept_before_void(self) -> int:
        return self.received - sum(self.reversed_of(payment) for payment in self.payments)

    @property
    def last_payment(self) -> tuple[str, int] | None:
        found = [(id_, amount) for id_, amount, _ in self.payments if id_.startswith("pay")]
        return found[-1] if found else None


@dataclass(slots=True)
class SimulatedTracker:
    """Takes sign-ups, sales and refunds; shows a new customer after ten minutes; knows each key once."""

    script: list[str]
    lead_since: datetime | None = None
    entries: dict[tuple[EffectKind, str], int] = field(default_factory=dict)
    calls: int = 0

    def tell(self, step: Planned, now: datetime) -> State:
        """The state that a call ends in for the caller."""
        self.calls += 1
        fault = self.script.pop(0) if self.script else "taken"
        if fault == "refused":
            return State.REJECTED
        if fault == "request lost":
            return State.UNKNOWN
        state = self._apply(step, now)
        return State.UNKNOWN if fault == "answer lost" else state

    def _apply(self, step: Planned, now: datetime) -> State:
        if step.kind is EffectKind.SIGN_UP:
            self.lead_since = self.lead_since or now
            return State.APPLIED
        if self.lead_since is None or now < self.lead_since + VISIBLE:
            return State.NOT_REFERRED
        kind = EffectKind.SALE if step.kind in ADDS else EffectKind.REFUND
        assert (kind, step.key) not in self.entries, "told twice"
        self.entries[kind, step.key] = step.units if kind is EffectKind.SALE else -step.units
        return State.APPLIED

    def has(self, effect: Effect) -> bool:
        if effect.kind is EffectKind.SIGN_UP:
            return self.lead_since is not None
        kind = EffectKind.SALE if effect.kind in ADDS else EffectKind.REFUND
        return (kind, effect.key) in self.entries

    @property
    def net(self) -> int:
        return sum(self.entries.values())


@dataclass(slots=True)
class World:
    """One sale from its first fact to the end."""

    tracker: SimulatedTracker
    policy: Policy = POLICY
    truth: Truth = field(default_factory=Truth)
    facts: list[Fact] = field(default_factory=list)
    effects: dict[tuple[EffectKind, str], Effect] = field(default_factory=dict)
    now: datetime = START
    told_cancellations: int = 0
    sentences: list[str] = field(default_factory=list)

    def position(self) -> Position | None:
        """As it is computed now; what it says is kept."""
        known = by_sale(self.facts).get("INV-1", [])
        made = position("INV-1", known, list(self.effects.values()), now=self.now, policy=self.policy)
        if made is not None:
            self.sentences.append(made.sentence)
            assert all(step.sentence for step in made.plan)
        return made

    def work(self, *, repairs: bool = False) -> None:
        """Look up what is unknown, then make every call that is due, until none is."""
        for _ in range(60):
            self._look_up()
            made = self.position()
            steps = [] if made is None else repair_calls(made) if repairs else next_calls(made)
            if not steps:
                return
            step = steps[0]
            state = self.tracker.tell(step, self.now)
            self.effects[step.kind, step.key] = Effect(
                kind=step.kind, key=step.key, state=state, units=step.units, amount=step.amount, currency=step.currency,
                about=ACCOUNT if step.kind is EffectKind.SIGN_UP else "INV-1", answers_to=step.answers_to,
                answered_at=self.now,
            )  # fmt: skip
        raise AssertionError("the calls do not end")

    def _look_up(self) -> None:
        for key, effect in list(self.effects.items()):
            if effect.state is State.UNKNOWN and self.tracker.has(effect):
                self.effects[key] = replace(effect, state=State.ALREADY_THERE, answered_at=self.now)
            elif effect.state is State.UNKNOWN:
                del self.effects[key]

    def settle(self) -> Position:
        """Let time pass until nothing is taken up again by itself, with a person repairing what was refused."""
        made = self._let_time_pass()
        while self.tracker.script or repair_calls(made):
            self.tracker.script.clear()  # from here on every call is taken
            self.work(repairs=True)
            made = self._let_time_pass()
        return made

    def _let_time_pass(self) -> Position:
        for _ in range(200):
            self.work()
            made = self.position()
            assert made is not None
            if made.again_at is None:
                return made
            self.now = max(self.now + timedelta(minutes=1), made.again_at)
        raise AssertionError("nothing is ever final")


def facts_of(number: int, event: str, world: World) -> list[Fact]:
    """What an event makes known, after it is done in truth. Events that cannot happen make nothing known."""
    truth, when = world.truth, number + 1.0
    match event:
        case "sign-up":
            if not truth.is_known_there:
                truth.is_known_there = True
                world.tracker.lead_since = world.tracker.lead_since or day(when) - VISIBLE
            return [lead(on=when)]
        case "late visitor id":
            truth.visitor = True
            return [visitor(on=when)]
        case "paid" | "part paid":
            amount = TOTAL if event == "paid" else 50000
            truth.pay(f"pay_{number}", amount)
            return [paid(amount, id_=f"pay_{number}", on=when)]
        case "credit":
            amount = min(30000, TOTAL - truth.kept_before_void)
            if not amount:
                return []
            truth.pay(f"crd_{number}", amount)
            return [applied(f"crd_{number}", amount, on=when, means=Means.CREDIT)]
        case "void":
            truth.is_void = True
            return [invoice(on=when, state=InvoiceState.VOID)]
        case "cancel" | "reactivate":
            truth.is_leaving = event == "cancel"
            state = CancellationState.ASKED if event == "cancel" else CancellationState.TAKEN_BACK
            leaving = CancellationFact(
                source="billing", id="sub_1", account_id=ACCOUNT, ends_at=day(30), state=state, **at(when)
            )
            return [leaving]
        case _:
            return _about_the_last_payment(number, event, truth)


def _about_the_last_payment(number: int, event: str, truth: Truth) -> list[Fact]:
    last, when = truth.last_payment, number + 1.0
    if last is None:
        return []
    id_, amount = last
    if event in ("part refund", "refund"):
        part = min(47200, amount) if event == "part refund" else amount
        truth.back[id_] = truth.back.get(id_, 0) + part
        return [refund(part, id_=f"rfnd_{number}", payment_id=id_, on=when)]
    state = {
        "dispute opened": DisputeState.OPENED, "dispute won": DisputeState.WON, "dispute lost": DisputeState.LOST
    }[event]  # fmt: skip
    if state is not DisputeState.OPENED:
        truth.lost[id_] = amount if state is DisputeState.LOST else 0
        truth.give_way(id_)
    made = dispute(amount, on=when, state=state, payment_id=id_)
    return [replace(made, id=f"disp_{id_}")]


def live(history: Sequence[tuple[str, int]], script: Iterable[str] = (), policy: Policy = POLICY) -> World:
    """Let a history of (event, how many events later it becomes known) happen; every fact comes twice."""
    world = World(SimulatedTracker(list(script)), policy=policy)
    world.facts.append(invoice())
    late: list[tuple[int, Fact]] = []
    for number, (event, delay) in enumerate(history):
        world.now = day(number + 1.0)
        late += [(number + delay, fact) for fact in facts_of(number, event, world)]
        arrived = [replace(fact, learned_at=world.now) for due, fact in late if due <= number]
        late = [(due, fact) for due, fact in late if due > number]
        world.facts += arrived + arrived[::-1]
        world.work()
    world.now += timedelta(hours=12)
    world.facts += [replace(fact, learned_at=world.now) for _, fact in late]
    world.work()
    return world


def right_net(world: World) -> int:
    """What the tracker should hold in the end."""
    truth = world.truth
    if not (truth.visitor or truth.is_known_there):
        return 0
    full = truth.received >= TOTAL or world.tracker.entries
    return in_units(Fraction(truth.kept * NET, TOTAL), "INR", two_places) if full else 0


def leaves(world: World) -> Planned | None:
    """The cancellation at the end of the period."""
    return cancellation(ACCOUNT, world.facts, [], now=day(31))
