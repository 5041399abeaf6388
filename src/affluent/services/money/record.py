"""Records what events and answers say about money, and has taken up again what waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from affluent.domain.event import WORKSPACE, EventDraft
from affluent.domain.money.effects import EffectKind
from affluent.domain.money.facts import Cancellation, Fact, Lead, VisitorId
from affluent.domain.run import SETTLED_AS_DONE, Fate
from affluent.kit import clock
from affluent.kit.logs import logger
from affluent.sdk import App, Trigger
from affluent.sdk.facts import Origin
from affluent.store import facts as store
from affluent.store import positions
from affluent.store.bulk import Row
from affluent.store.database import on_commit

_log = logger("money")
_DONE = frozenset(fate.value for fate in SETTLED_AS_DONE)
_OPEN = frozenset({Fate.INTENDED.value, Fate.UNKNOWN.value, Fate.HELD.value})


class FactRecorder:
    """Adds facts to the store. An app whose reading fails costs its facts, never its event or answer."""

    def __init__(self, apps: Mapping[str, App], wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._triggers: dict[tuple[str, str], Trigger] = {}
        for app in apps.values():
            for trigger in app.triggers.values():
                if trigger.facts is not None:
                    self._triggers |= {(app.key, name): trigger for name in (trigger.event, *trigger.aliases)}
        calls = (action.position for app in apps.values() for action in app.actions.values() if action.position)
        self._referral_settings = frozenset(name for call in calls for name in call.referral_settings)

    def events(self, connection: Connection, events: Sequence[tuple[str, EventDraft]]) -> None:
        """Record what new events say; `events` are (id, draft)."""
        self.learn(connection, [(f"event:{event_id}", self._facts_of(event_id, draft)) for event_id, draft in events])

    def answers(
        self, connection: Connection, effects: Sequence[Row], facts: Sequence[tuple[str, Sequence[Fact]]]
    ) -> None:
        """Record what answers say, and take up again what waited for these effects."""
        self.learn(connection, [(f"effect:{key}", of_answer) for key, of_answer in facts])
        settled = [row for row in effects if row.get("tells") and row["fate"] not in _OPEN]
        sign_ups = [row for row in settled if row["tells"] == EffectKind.SIGN_UP and row["fate"] in _DONE]
        if settled:
            self._look_again(
                connection,
                sale_ids=[row["sale_id"] for row in settled],
                account_ids=[row["account_id"] for row in sign_ups],
            )

    def setting_saved(self, connection: Connection, account_ids: Sequence[str], name: str, value: str) -> None:
        """Record a visitor id that this server's own workspace saved; other settings say nothing about money."""
        if name not in self._referral_settings or not value:
            return
        now = clock.now()
        facts = [
            VisitorId(
                source=WORKSPACE,
                id=f"{account_id}/{name}",
                happened_at=now,
                learned_at=now,
                account_id=account_id,
                value=value,
                name=name,
            )
            for account_id in account_ids
        ]
        self.learn(connection, [(f"setting:{name}", facts)])

    def learn(self, connection: Connection, facts: Sequence[tuple[str, Sequence[Fact]]]) -> None:
        """Add facts, each with its cause, and look again at what waits for them."""
        new = store.add(connection, facts)
        if not new:
            return
        about = [store.about(fact) for fact in new]
        payments = {payment_id for _, payment_id, _ in about if payment_id}
        sales = {sale_id for sale_id, _, _ in about if sale_id} | payments
        if payments:
            sales |= store.sales_of_payments(connection, payments)
        accounts = {fact.account_id for fact in new if isinstance(fact, (VisitorId, Lead, Cancellation))}
        self._look_again(connection, sale_ids=sales, account_ids=accounts)

    def _look_again(self, connection: Connection, *, sale_ids: Iterable[str], account_ids: Iterable[str]) -> None:
        if positions.look_again(connection, sale_ids=sale_ids, account_ids=account_ids, at=clock.now()):
            on_commit(connection, self._wake)

    def _facts_of(self, event_id: str, draft: EventDraft) -> Sequence[Fact]:
        trigger = self._triggers.get((draft.app, draft.type))
        if trigger is None or trigger.facts is None:
            return ()
        origin = Origin(
            source=draft.source,
            happened_at=draft.occurred_at,
            learned_at=clock.now(),
            referral_settings=self._referral_settings,
        )
        try:
            return trigger.facts(draft.payload, origin)
        except Exception:  # noqa: BLE001 - a defect of one app, or a payload nobody expected, must not keep the event out
            _log.exception(
                "what an event says about money cannot be read", app=draft.app, type=draft.type, event=event_id
            )
            return ()
