"""What would put a line right: which calls, under which ids, moving which money. Nothing is done here.

Ids are made of what is repaired, so that asking twice asks for the same effect: `INV-1.repair.249900.200000` corrects the sale
INV-1 from 200000 to 249900, `refund.1.regain.5000.0` the refund refund.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from affluent.domain.reconciliation.cases import REGAIN, REPAIR
from affluent.domain.reconciliation.statement import Class, Leg, Line, Said
from affluent.engine import effect_keys as keys
from affluent.kit.jsons import JSONObject
from affluent.kit.money import Money
from affluent.sdk import App, Need
from affluent.services.reconciliation.views import money_text

ADD, TAKE_BACK = "add", "take_back"
RESUME, REPLAY, START, SEND, BY_HAND = "resume", "replay", "start", "send", "by_hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One thing that a repair would do."""

    line: int
    how: str
    """resume (the run that stands), replay (the run that was applied and is not there), start (the flow that was off),
    send (a correction), by_hand (a person has to decide)."""
    app: str = ""
    action: str = ""
    connection_id: str = ""
    effect_key: str = ""
    """The same key as the flow's own call: what was applied under it is not sent again."""
    run_id: str = ""
    inputs: JSONObject | None = None
    money: Money | None = None
    """What moves; negative: it is taken back."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Tracker:
    """A connection whose books can be corrected."""

    connection_id: str
    app: App


class Planner:
    """Plans lines of one statement. `trackers` by leg's shelf; `records` are those of the line's case."""

    def __init__(self, apps: Mapping[str, App], connections: Sequence[tuple[str, str]]) -> None:
        self._trackers: dict[str, list[Tracker]] = {"commissions": [], "payments": []}
        for connection_id, key in connections:
            app = apps.get(key)
            if app is not None and app.books is not None and app.books.shelf in self._trackers:
                self._trackers[app.books.shelf].append(Tracker(connection_id, app))

    def plan(self, number: int, line: Line, records: Sequence[Row[Any]]) -> list[Call]:
        """The calls for a line; one `by_hand` when no call can put it right."""
        claim = _claim(line, records)
        if claim is not None and line.name in (Class.FAILED, Class.UNKNOWN):
            return [self._again(number, line, claim, RESUME)]
        if line.name in (Class.MISSING_THERE, Class.REFUNDED_HERE_ONLY) and line.leg in (Leg.SALE, Leg.REFUND):
            if claim is not None and claim.status == Said.APPLIED:
                return [self._again(number, line, claim, REPLAY)]
            return [self._start(number, line, records)]
        calls = list(self._corrections(number, line, records))
        return calls or [_by_hand(number, line)]

    def _again(self, number: int, line: Line, claim: Row[Any], how: str) -> Call:
        facts = claim.facts
        words = {
            RESUME: "The run goes on from the step where it stands.",
            REPLAY: "It is sent again under the same id: where it is known already, nothing happens.",
        }
        return Call(
            line=number,
            how=how,
            run_id=str(facts.get("run_id", "")),
            effect_key=str(facts.get("effect_key", "")),
            money=Money(line.ours, line.currency),
            sentence=words[how],
        )

    def _start(self, number: int, line: Line, records: Sequence[Row[Any]]) -> Call:
        """What was never sent: under the id that the flow would have used."""
        if line.leg is Leg.SALE:
            return self._send(number, line, ADD, line.case_id, line.case_id, line.ours, line.account_id)
        refund = next((row.id for row in records if row.kind == "refund"), f"refund of {line.case_id}")
        return self._send(number, line, TAKE_BACK, refund, line.case_id, line.ours, line.account_id)

    def _corrections(self, number: int, line: Line, records: Sequence[Row[Any]]) -> Iterator[Call]:
        match line.leg:
            case Leg.SALE:
                yield from self._sale(number, line, records)
            case Leg.REFUND:
                yield from self._refund(number, line, records)
            case Leg.PAYMENT | Leg.PAYMENT_REFUND:
                yield from self._payment(number, line, records)
            case _:
                return

    def _sale(self, number: int, line: Line, records: Sequence[Row[Any]]) -> Iterator[Call]:
        sales = [row for row in records if row.kind == "commission" and row.facts.get("basis", 0) > 0]
        about = str(sales[-1].facts["sale"]) if sales else line.case_id
        above, account = line.theirs - line.ours, line.account_id
        if line.name in (Class.DOUBLED_THERE, Class.EXTRA_THERE, Class.AMOUNT_DIFFERS) and line.foreign is None:
            how, event_id = TAKE_BACK if above > 0 else ADD, f"{line.case_id}{REPAIR}{line.ours}.{line.theirs}"
            owner = (sales[-1].account_id or account) if sales else account
            yield self._send(number, line, how, event_id, about, abs(above), owner)
        elif line.name in (Class.WRONG_ACCOUNT, Class.WRONG_CURRENCY) and sales:
            wrong = sales[0]
            currency = line.foreign[0] if line.foreign else line.currency
            amount = line.foreign[1] if line.foreign else line.theirs
            event_id = f"{line.case_id}{REPAIR}{wrong.account_id}.{currency}.{amount}"
            owner = wrong.account_id or account
            yield self._send(number, line, TAKE_BACK, event_id, about, amount, owner, currency)
            again = f"{line.case_id}{REPAIR}{account}.{line.currency}.{line.ours}"
            yield self._send(number, line, ADD, again, line.case_id, line.ours, account)

    def _refund(self, number: int, line: Line, records: Sequence[Row[Any]]) -> Iterator[Call]:
        refunds = [row for row in records if row.kind == "commission" and row.facts.get("basis", 0) < 0]
        if line.name not in (Class.REFUNDED_THERE_ONLY, Class.DOUBLED_THERE, Class.AMOUNT_DIFFERS) or not refunds:
            return
        above, about = line.theirs - line.ours, str(refunds[0].facts["sale"])
        event_id = f"{about}{REGAIN}{line.ours}.{line.theirs}"
        how = ADD if above > 0 else TAKE_BACK
        yield self._send(
            number, line, how, event_id, line.case_id, abs(above), refunds[0].account_id or line.account_id
        )

    def _payment(self, number: int, line: Line, records: Sequence[Row[Any]]) -> Iterator[Call]:
        recorded = {row.id.partition("/")[0] for row in records if row.kind == "receipt"}
        payments = [row for row in records if row.kind == "payment"]
        if line.leg is Leg.PAYMENT_REFUND and line.name is Class.REFUNDED_HERE_ONLY and len(payments) == 1:
            event_id = f"{line.case_id}.returned.{line.ours}"
            yield self._send(number, line, TAKE_BACK, event_id, payments[0].id, line.ours, line.account_id)
        if line.leg is Leg.PAYMENT and line.name is Class.DOUBLED_THERE:
            for payment in [row for row in payments if row.id not in recorded]:
                if payment.amount == line.theirs - line.ours:
                    event_id = f"{payment.id}.returned.{payment.amount}"
                    yield self._send(number, line, TAKE_BACK, event_id, payment.id, payment.amount, line.account_id)
                    return

    def _send(  # noqa: PLR0917 - a call is one flat list of facts
        self,
        number: int,
        line: Line,
        how: str,
        event_id: str,
        about: str,
        amount: int,
        account_id: str,
        currency: str = "",
    ) -> Call:
        shelf = "payments" if line.leg in (Leg.PAYMENT, Leg.PAYMENT_REFUND) else "commissions"
        trackers = self._trackers[shelf]
        if len(trackers) != 1:
            why = "no connection" if not trackers else "several connections"
            return _by_hand(number, line, f"There is {why} whose books this belongs to.")
        tracker = trackers[0]
        books = tracker.app.books
        correction = getattr(books, how) if books is not None else None
        if correction is None:
            return _by_hand(number, line, f"{tracker.app.title} offers no call for this.")
        money = Money(amount, currency or line.currency)
        note = f"Reconciliation of {line.case_id}"
        need = Need(event_id=event_id, about=about, account_id=account_id, money=money, note=note)
        action = tracker.app.actions[correction.action]
        verb = "is added" if how == ADD else "is taken back"
        return Call(
            line=number,
            how=SEND,
            app=tracker.app.key,
            action=correction.action,
            connection_id=tracker.connection_id,
            effect_key=keys.of_record(tracker.connection_id, tracker.app.key, action.key, event_id)
            if action.key_field
            else event_id,
            inputs=correction.inputs(need),
            money=money if how == ADD else -money,
            sentence=f"{tracker.app.title}: {action.title}. {money_text(amount, money.currency)} {verb} under {event_id}.",
        )


def _claim(line: Line, records: Sequence[Row[Any]]) -> Row[Any] | None:
    what = {Leg.SALE: "sale", Leg.REFUND: "sale_refund", Leg.PAYMENT: "receipt"}.get(line.leg)
    return next((row for row in records if row.kind == "claim" and row.facts.get("of") == what), None)


def _by_hand(number: int, line: Line, why: str = "") -> Call:
    return Call(
        line=number,
        how=BY_HAND,
        money=Money(line.open, line.currency),
        sentence=why or "A person has to decide which of the books is right.",
    )
