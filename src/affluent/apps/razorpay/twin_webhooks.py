"""How the twin of Razorpay tells of events: signed, repeated until it is heard, and switched off when nobody listens.

A delivery that does not get 2xx within five seconds is tried again, each time later, for 24 hours after its event; a
webhook that failed for that long is disabled. Repeats carry the same event id and the signature of the secret that was
set when the event happened. Time is the books' clock, so a day passes when `advance` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from affluent.apps.razorpay.twin_books import MERCHANT, Books
from affluent.apps.razorpay.twin_sales import Told, envelope
from affluent.apps.razorpay.webhook import sign
from affluent.kit.jsons import JSONObject, dumps

_PATIENCE_SECONDS = 5
_GIVEN_UP_AFTER = 24 * 3600
_FIRST_PAUSE = 60


@dataclass(slots=True)
class Webhook:
    """One address that is told. `events` empty: all."""

    url: str
    secret: str
    events: tuple[str, ...] = ()
    active: bool = True


@dataclass(slots=True)
class Delivery:
    """One event for one address."""

    event_id: str
    event: str
    url: str
    body: bytes
    signature: str
    created_at: int
    next_at: int
    state: str = "pending"
    """pending, delivered, dropped (on demand), given_up."""
    statuses: list[int] = field(default_factory=list)
    """What was answered, 0 for no answer."""

    def shown(self) -> JSONObject:
        """As the twin shows it."""
        names = ("event_id", "event", "url", "state", "statuses", "created_at")
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class Behaviour:
    """How the next events are sent."""

    repeat: int = 1
    """How often each is sent although it was heard."""
    reverse: bool = False
    """The last event of a sale first."""
    drop: tuple[str, ...] = ()
    """Events that are never sent, as after an outage longer than a day."""
    without_id: bool = False
    """Leave out the header that names the event."""


class Webhooks:
    """All addresses and everything that was sent to them."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.hooks: list[Webhook] = []
        self.deliveries: list[Delivery] = []
        self.behaviour = Behaviour()

    def set(self, url: str, secret: str, events: Sequence[str] = ()) -> Webhook:
        """Add an address, or change its secret and switch it on again."""
        self.hooks = [hook for hook in self.hooks if hook.url != url]
        self.hooks.append(Webhook(url=url, secret=secret, events=tuple(events)))
        return self.hooks[-1]

    async def tell(self, told: Sequence[Told]) -> list[Delivery]:
        """Send events to every address that wants them; returns when each was tried once."""
        made = [self._delivery(hook, item) for item in told for hook in self._listening(item[0])]
        self.deliveries += made
        order = list(reversed(made)) if self.behaviour.reverse else made
        wanted = [delivery for delivery in order if delivery.state == "pending"]
        await self._send([delivery for delivery in wanted for _ in range(max(self.behaviour.repeat, 1))])
        return made

    async def advance(self, seconds: int) -> None:
        """Let time pass: whatever is due is tried once more, and what failed for a day is given up."""
        self._books.passed += seconds
        due = [item for item in self.deliveries if item.state == "pending" and item.next_at <= self._books.now]
        await self._send(due)
        for item in due:
            if item.state == "pending" and self._books.now - item.created_at >= _GIVEN_UP_AFTER:
                item.state = "given_up"
                for hook in self.hooks:
                    hook.active = hook.active and hook.url != item.url

    def shown(self) -> JSONObject:
        """Addresses without their secrets, and deliveries."""
        hooks = [{"url": hook.url, "events": list(hook.events), "active": hook.active} for hook in self.hooks]
        return {"webhooks": hooks, "deliveries": [delivery.shown() for delivery in self.deliveries]}

    def _listening(self, event: str) -> list[Webhook]:
        return [hook for hook in self.hooks if hook.active and (not hook.events or event in hook.events)]

    def _delivery(self, hook: Webhook, told: Told) -> Delivery:
        now = self._books.now
        body = dumps(envelope(told, merchant=MERCHANT, created_at=now)).encode()
        return Delivery(
            event_id=self._books.new_id("evt").removeprefix("evt_"),
            event=told[0],
            url=hook.url,
            body=body,
            signature=sign(body, hook.secret),
            created_at=now,
            next_at=now,
            state="dropped" if told[0] in self.behaviour.drop else "pending",
        )

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for delivery in deliveries:
                status = await self._post(session, delivery)
                delivery.statuses.append(status)
                if 200 <= status < 300:
                    delivery.state = "delivered"
                else:
                    delivery.next_at = self._books.now + _FIRST_PAUSE * 2 ** len(delivery.statuses)

    async def _post(self, session: aiohttp.ClientSession, delivery: Delivery) -> int:
        headers = {"Content-Type": "application/json", "X-Razorpay-Signature": delivery.signature}
        if not self.behaviour.without_id:
            headers["x-razorpay-event-id"] = delivery.event_id
        try:
            async with session.post(delivery.url, data=delivery.body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0
