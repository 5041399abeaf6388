"""Attaching and detaching price plans: an account has one plan at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection

from affluent.billing import events, reading
from affluent.billing.accounts import open_account
from affluent.billing.calendar import Calendar, Span, forbidden
from affluent.billing.errors import Missing, Refused
from affluent.billing.ledger import Changed, Ledger, billing_id
from affluent.billing.schemas import EditOfSchedule, EditOfScheduleV2, PlanOverride
from affluent.billing.views import Account, PricePlan, Schedule, ScheduleEdit, Slice
from affluent.domain.event import EventDraft
from affluent.kit import clock
from affluent.store import billing as store
from affluent.store.tables import billing as tables

S = tables.pricing_schedules


class Schedules:
    """Use cases of pricing schedules."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def edit(self, account_id: str, edits: Sequence[EditOfSchedule], *, dry_run: bool = False) -> ScheduleEdit:
        """Attach and detach, all or nothing; a dry run changes nothing and answers the same.

        Raises Missing; Refused for a plan that is not active or of another currency, and for days up to today that have a plan.
        """
        if dry_run:
            return await self._ledger.read(lambda connection: _planned(connection, account_id, edits))
        return await self._ledger.change(lambda connection: apply(connection, account_id, edits))

    async def edit_v2(
        self, account_id: str, edits: Sequence[EditOfScheduleV2], *, discard: bool = False
    ) -> ScheduleEdit:
        """As edit, in the words of the second version; `discard` is its dry run."""

        def unit(connection: Connection) -> list[EditOfSchedule]:
            return [_first_version(connection, account_id, edit) for edit in edits]

        return await self.edit(account_id, await self._ledger.read(unit), dry_run=discard)

    async def find(
        self,
        account_id: str,
        *,
        since: date | None = None,
        until: date | None = None,
        limit: int = 20,
        after: str = "",
    ) -> Slice[Schedule]:
        """The plans of an account by time; raises Missing."""

        def unit(connection: Connection) -> Slice[Schedule]:
            reading.account(connection, account_id)
            found = reading.schedules(connection, account_id, since=since, until=until)
            found = [one for one in found if one.start_date.isoformat() > after][: limit + 1]
            following = found[limit - 1].start_date.isoformat() if len(found) > limit else ""
            return Slice(items=tuple(found[:limit]), next=following)

        return await self._ledger.read(unit)


def apply(connection: Connection, account_id: str, edits: Sequence[EditOfSchedule]) -> Changed[ScheduleEdit]:
    """Make the edits and keep what they leave."""
    account = open_account(connection, account_id)
    before, calendar, plans = _edited(connection, account, edits)
    after = [span if span.id else _with_id(span) for span in calendar.spans]
    calendar.spans = after
    kept = {span.id for span in after}
    for span_id in before.keys() - kept:
        store.remove(connection, S, S.c.id == span_id)
    for span in after:
        known = before.get(span.id)
        if known is None:
            _add(connection, account_id, span)
        elif known != span:
            store.change(
                connection, S, S.c.id == span.id, start_date=span.start.isoformat(), end_date=span.end.isoformat()
            )
    return _left(connection, account, edits), _told(connection, account_id, calendar, plans)


def _edited(
    connection: Connection, account: Account, edits: Sequence[EditOfSchedule]
) -> tuple[dict[str, Span], Calendar, dict[str, PricePlan]]:
    found = [_span(schedule) for schedule in reading.schedules(connection, account.id)]
    calendar = Calendar(list(found))
    plans = {span.plan_id: reading.price_plan(connection, span.plan_id) for span in found}
    free = frozenset(
        plan.id
        for plan in plans.values()
        if plan.details.get("deferredRevenue") or plan.details.get("allowOngoingCycleUpdates")
    )
    today = reading.today()
    for edit in edits:
        start, end = edit.effective_from, edit.effective_until
        if end < start:
            raise Refused("Must not lie before effectiveFrom.", field="effectiveUntil")
        before = list(calendar.spans)
        if edit.mode == "ASSOCIATE":
            plan = _attachable(connection, account, edit.price_plan_id)
            plans[plan.id] = plan
            overridden = edit.price_plan_details_override is not None
            new = Span(plan_id=plan.id, version=plan.version, start=start, end=end, is_overridden=overridden)
            calendar.attach(new)
        else:
            calendar.detach(start, end)
        touched = forbidden(found, start, end, today=today, free=free)
        if touched is not None and calendar.spans != before:
            raise Refused(
                f"{plans[touched.plan_id].name} is in force on days up to today; they can be changed from tomorrow on.",
                field="effectiveFrom",
            )
    return {span.id: span for span in found}, calendar, plans


def _attachable(connection: Connection, account: Account, price_plan_id: str | None) -> PricePlan:
    if not price_plan_id:
        raise Refused("Say which plan is to be attached.", field="pricePlanId")
    try:
        plan = reading.price_plan(connection, price_plan_id)
    except Missing as error:
        raise Missing(error.message, field="pricePlanId") from error
    if plan.status != "ACTIVE":
        raise Refused(
            f"The plan {plan.name} is {plan.status}; only an ACTIVE one can be attached.", field="pricePlanId"
        )
    if plan.type != "BILLING":
        raise Refused(f"The plan {plan.name} is bought, not attached.", field="pricePlanId")
    if account.currency not in plan.active_currencies:
        raise Refused(
            f"The plan {plan.name} is not active in {account.currency}, the currency of account {account.id}.",
            field="pricePlanId",
        )
    return plan


def _planned(connection: Connection, account_id: str, edits: Sequence[EditOfSchedule]) -> ScheduleEdit:
    account = open_account(connection, account_id, lock=False)
    _, calendar, plans = _edited(connection, account, edits)
    now = clock.now()
    schedules = tuple(
        Schedule(
            id=span.id or "sch.planned",
            account_id=account_id,
            price_plan_id=span.plan_id,
            price_plan_name=plans[span.plan_id].name,
            price_plan_description=plans[span.plan_id].description,
            version=span.version,
            start_date=span.start,
            end_date=span.end,
            is_overridden=span.is_overridden,
            created_at=now,
        )
        for span in calendar.spans
    )
    return ScheduleEdit(account_id=account.id, account_name=account.name, schedules=schedules)


def _left(connection: Connection, account: Account, _edits: Sequence[EditOfSchedule]) -> ScheduleEdit:
    left = tuple(reading.schedules(connection, account.id))
    return ScheduleEdit(account_id=account.id, account_name=account.name, schedules=left)


def _told(connection: Connection, account_id: str, calendar: Calendar, plans: dict[str, PricePlan]) -> list[EventDraft]:
    new = [span for span in calendar.spans if span.is_new]
    if not new and not calendar.lost:
        return []
    about = events.party(connection, account_id)
    moved = [("price_plan.detached", span) for span in calendar.lost] + [("price_plan.attached", span) for span in new]
    return [
        events.price_plan_moved(
            kind,
            about,
            plans[span.plan_id],
            _schedule(account_id, span, plans[span.plan_id]),
            calendar.remaining(span.start),
        )
        for kind, span in moved
    ]


def _schedule(account_id: str, span: Span, plan: PricePlan) -> Schedule:
    return Schedule(
        id=span.id,
        account_id=account_id,
        price_plan_id=plan.id,
        price_plan_name=plan.name,
        price_plan_description=plan.description,
        version=span.version,
        start_date=span.start,
        end_date=span.end,
        is_overridden=span.is_overridden,
        created_at=clock.now(),
    )


def _span(schedule: Schedule) -> Span:
    return Span(
        id=schedule.id,
        plan_id=schedule.price_plan_id,
        version=schedule.version,
        start=schedule.start_date,
        end=schedule.end_date,
        is_overridden=schedule.is_overridden,
    )


def _with_id(span: Span) -> Span:
    return Span(
        id=billing_id("sch"),
        plan_id=span.plan_id,
        version=span.version,
        start=span.start,
        end=span.end,
        is_overridden=span.is_overridden,
        is_new=span.is_new,
    )


def _add(connection: Connection, account_id: str, span: Span) -> None:
    values = {
        "id": span.id,
        "account_id": account_id,
        "price_plan_id": span.plan_id,
        "version": span.version,
        "start_date": span.start.isoformat(),
        "end_date": span.end.isoformat(),
        "is_overridden": span.is_overridden,
        "created_at": clock.now(),
    }
    store.add(connection, S, values)


def _first_version(connection: Connection, account_id: str, edit: EditOfScheduleV2) -> EditOfSchedule:
    config = edit.association_config
    plan_id = config.price_plan_id if config else None
    if config is not None and plan_id is None and config.schedule_id is not None:
        row = store.one(connection, S, S.c.account_id == account_id, S.c.id == config.schedule_id)
        if row is None:
            raise Missing(f"The account has no schedule {config.schedule_id!r}.", field="associationConfig.scheduleId")
        plan_id = row.price_plan_id
    cycle = config.pricing_cycle_config_override if config else None
    return EditOfSchedule(
        mode=edit.mode,
        price_plan_id=plan_id,
        effective_from=edit.effective_from,
        effective_until=edit.effective_until,
        price_plan_details_override=PlanOverride(pricing_cycle_config=cycle) if cycle else None,
    )
