"""The view model of a run: a timeline with a waterfall, the open step with its attempts, and where the money went."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from markupsafe import Markup

from affluent.catalog import Catalog
from affluent.kit import clock
from affluent.kit.jsons import JSONObject, JSONValue, dumps
from affluent.kit.money import Money
from affluent.services.runs.views import AttemptView, EffectView, RunDetail, StepView
from affluent.web.activity.run_story import Planned
from affluent.web.formatting import times

TABS = {"attempts": "Attempts", "input": "Input", "output": "Output", "condition": "Condition"}
_WIDTH, _HEIGHT = 200, 14
_COLOURS = {"applied": "ok", "read": "ok", "already_applied": "ok", "not_applicable": "ok", "unknown": "violet"}
_HIDDEN = "•"
_FATES = {"applied": "applied", "already_applied": "was there already", "unknown": "outcome unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the timeline; the trigger is number 0."""

    number: int
    app: str
    app_title: str
    title: str
    text: str
    state: str
    took: str
    waterfall: Markup
    next_at: datetime | None = None
    view: StepView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """One place that the money of a run went through."""

    app: str
    title: str
    text: str
    money: Money | None
    amount: str = ""
    """Shown instead of money whose currency the vendor does not tell."""


@dataclass(slots=True)
class _Scale:
    """Turns instants between `begins` and `ends` into places on the waterfall."""

    begins: datetime
    ends: datetime
    parts: list[Markup] = field(default_factory=list)

    def x(self, at: datetime) -> float:
        span = max((self.ends - self.begins).total_seconds(), 0.001)
        return min(max((at - self.begins).total_seconds() / span, 0), 1) * _WIDTH


def rows(detail: RunDetail, plan: Sequence[Planned], catalog: Catalog) -> tuple[Row, ...]:
    """The timeline: the trigger, then a row for each planned step."""
    run = detail.run
    steps = {step.position: step for step in detail.steps}
    scale = _Scale(begins=min(detail.received_at, run.created_at), ends=_end(detail))
    app = catalog.apps.get(run.event_app)
    triggers = app.triggers.values() if app else ()
    trigger = next((trigger for trigger in triggers if trigger.event == run.event_type), None)
    first = Row(
        number=0,
        app=run.event_app,
        app_title=app.title if app else run.event_app,
        title=trigger.title if trigger else run.event_type,
        text="Replayed" if run.replay_of else f"{app.title if app else run.event_app} told us",
        state="trigger",
        took="",
        waterfall=_svg([_bar("violet", 0, 4)], "when the event came in"),
    )
    return (first, *(_row(step, steps.get(step.position), detail, scale) for step in plan))


def _row(planned_step: Planned, step: StepView | None, detail: RunDetail, scale: _Scale) -> Row:
    run = detail.run
    is_current = planned_step.position == run.position
    state = step.state if step else _not_reached(run.state, is_current=is_current)
    bars, took = _bars(step, scale) if step else ([], 0)
    return Row(
        number=planned_step.number,
        app=planned_step.app,
        app_title=planned_step.app_title,
        title=planned_step.title,
        text=_text(planned_step, step, detail, is_current=is_current),
        state=state,
        took=times.lasted(took) if step and step.attempts else "",
        waterfall=_svg(bars, _in_words(step)),
        next_at=run.due_at if is_current and run.state == "waiting" else None,
        view=step,
    )


def _not_reached(state: str, *, is_current: bool) -> str:
    if is_current and state in ("queued", "running", "paused", "waiting"):
        return state
    return "later"


def _text(planned_step: Planned, step: StepView | None, detail: RunDetail, *, is_current: bool) -> str:
    run = detail.run
    if step is None:
        if run.state == "skipped":
            return "Not needed"
        return (
            run.sentence or "Next"
            if is_current
            else f"Waits for step {run.position + 1}"
            if run.finished_at is None or run.state in ("failed", "unknown")
            else "Not reached"
        )
    if step.sentence:
        return step.sentence.rstrip(" :")
    words = {
        "applied": "Applied",
        "read": "Read",
        "already_applied": "Was there already; not sent again",
        "not_applicable": "Nothing to do",
        "condition_false": "Its condition was not met",
    }
    text = words.get(step.outcome, step.outcome.replace("_", " ").capitalize())
    output = _object(step.output)
    number = next(
        (
            f" · {name.removesuffix('_id').replace('_', ' ')} {output[name]}"
            for name in _telling(planned_step)
            if output.get(name)
        ),
        "",
    )
    return f"{text}{number}" if step.outcome in ("applied", "already_applied") else text


def _telling(planned_step: Planned) -> tuple[str, ...]:
    """The output fields that name the record at the vendor."""
    identified = tuple(planned_step.action.identifies.values()) if planned_step.action else ()
    return ("sale_id", "refund_id", "commission_id", "payment_id", "invoice_id", *identified)


def _end(detail: RunDetail) -> datetime:
    ends = [
        attempt.started_at + timedelta(milliseconds=attempt.milliseconds)
        for step in detail.steps
        for attempt in step.attempts
    ]
    ends.append(detail.run.finished_at or clock.now())
    return max(ends) + timedelta(milliseconds=1)


def _bars(step: StepView, scale: _Scale) -> tuple[list[Markup], float]:
    bars: list[Markup] = []
    before: datetime | None = None
    for attempt in step.attempts:
        ends = attempt.started_at + timedelta(milliseconds=attempt.milliseconds)
        if before is not None and attempt.started_at > before:
            bars.append(_bar("wait", scale.x(before), scale.x(attempt.started_at) - scale.x(before)))
        bars.append(
            _bar(
                _COLOURS.get(attempt.outcome, "bad"),
                scale.x(attempt.started_at),
                scale.x(ends) - scale.x(attempt.started_at),
            )
        )
        before = ends
    if before is not None and step.state == "waiting":
        bars.append(_bar("wait", scale.x(before), scale.x(scale.ends) - scale.x(before)))
    first = step.attempts[0].started_at if step.attempts else step.started_at
    return bars, ((before or first) - first).total_seconds() * 1000


def _bar(kind: str, x: float, width: float) -> Markup:
    wide = max(width, 3)
    return Markup('<rect class="{}" x="{:.1f}" y="3" width="{:.1f}" height="8" rx="2"/>').format(
        kind, min(x, _WIDTH - wide), wide
    )


def _svg(bars: Sequence[Markup], text: str) -> Markup:
    ground = Markup('<rect class="bg" x="0" y="6.5" width="{}" height="1"/>').format(_WIDTH)
    return Markup(
        '<svg class="wf" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(_WIDTH, _HEIGHT, text, ground, Markup("").join(bars))


def _in_words(step: StepView | None) -> str:
    if step is None or not step.attempts:
        return "no attempt"
    bad = sum(attempt.outcome not in _COLOURS for attempt in step.attempts)
    return f"{len(step.attempts)} attempt{'s' if len(step.attempts) > 1 else ''}, {bad} without success"


def lineage(detail: RunDetail, plan: Sequence[Planned]) -> tuple[Lineage, ...]:
    """Invoice → sale → commission, from the event and what its effects answered; empty without money."""
    run = detail.run
    stations_by_effect = [
        _effect(effect, plan, run.id) for effect in detail.effects if effect.money or _commission(effect)
    ]
    stations = [station for effect_stations in stations_by_effect for station in effect_stations]
    if run.money is None and not stations:
        return ()
    first = Lineage(
        app=run.event_app, title=run.title or run.event_type, text="net, as the event says", money=run.money
    )
    return (first, *stations)


def _effect(effect: EffectView, plan: Sequence[Planned], run_id: str) -> list[Lineage]:
    output = _object(effect.output)
    stations: list[Lineage] = []
    if effect.money:
        title = next((step.title for step in plan if _is_of(effect, step)), None)
        text = _outcome(effect, output) + ("" if effect.run_id == run_id else " · by another run")
        title = title or effect.action.replace("_", " ").capitalize()
        stations.append(Lineage(app=effect.app, title=title, text=text, money=effect.money))
    if _commission(effect):
        promoter = output.get("promoter_name") or output.get("promoter_email") or ""
        stations.append(
            Lineage(
                app=effect.app,
                title=f"Commission · {promoter}" if promoter else "Commission",
                text=f"{output.get('commission_status') or 'created'} · minor units of the account's currency",
                money=None,
                amount=f"{output['commission_amount']:,}",
            )
        )
    return stations


def _is_of(effect: EffectView, step: Planned) -> bool:
    return step.app == effect.app and step.action is not None and step.action.key == effect.action


def _outcome(effect: EffectView, output: JSONObject) -> str:
    """What became of an effect, with the vendor's number of it when there is one."""
    fate = _FATES.get(effect.fate, effect.fate.replace("_", " "))
    number = next((str(output[name]) for name in ("sale_id", "refund_id", "payment_id") if output.get(name)), "")
    return f"{fate} · {number}" if number else fate


def _commission(effect: EffectView) -> bool:
    return isinstance(_object(effect.output).get("commission_amount"), int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and its answer, without secrets."""

    line: str
    sent: JSONValue
    answered: JSONValue
    status: int | None
    milliseconds: int
    curl: str


def calls(attempt: AttemptView) -> tuple[Call, ...]:
    """The requests of an attempt with their answers, in order."""
    exchanges = attempt.exchanges if isinstance(attempt.exchanges, list) else []
    return tuple(_call(exchange) for exchange in exchanges if isinstance(exchange, dict))


def _call(exchange: JSONObject) -> Call:
    request = _object(exchange.get("request"))
    answer = exchange.get("response")
    return Call(
        line=f"{exchange.get('method', '')} {exchange.get('url', '')}",
        sent=request.get("body"),
        answered=answer.get("body") if isinstance(answer, dict) else answer,
        status=exchange.get("status"),
        milliseconds=int(exchange.get("milliseconds") or 0),
        curl=curl(exchange),
    )


def curl(exchange: JSONObject) -> str:
    """The request as a command for a shell; secrets have to be filled in."""
    request = _object(exchange.get("request"))
    parts = ["curl", "-X", str(exchange.get("method", "GET")), str(exchange.get("url", ""))]
    for name, value in _object(request.get("headers")).items():
        parts += ["-H", f"{name}: {'FILL_IN' if _HIDDEN in str(value) else value}"]
    body = request.get("body")
    if body is not None:
        parts += ["--data", body if isinstance(body, str) else dumps(body)]
    return shlex.join(parts)


def _object(value: JSONValue) -> JSONObject:
    return value if isinstance(value, dict) else {}
