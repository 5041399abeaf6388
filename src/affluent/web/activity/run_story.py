"""What happened to a run in one plain sentence, what it did to money, whether anything was applied twice, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from affluent.catalog import Catalog
from affluent.kit.jsons import JSONObject
from affluent.sdk import Action
from affluent.services.runs.views import RunDetail, StepView
from affluent.web.formatting.money import in_words

_KINDS = {
    "succeeded": "ok",
    "skipped": "",
    "failed": "bad",
    "unknown": "violet",
    "waiting": "warn",
    "paused": "warn",
    "cancelled": "",
}
_ONCE = "Nothing was applied twice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The note at the top of the page of a run."""

    kind: str
    """ok, bad, warn, violet or empty, as notes and badges have them."""
    lead: str
    rest: str
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step as the flow's version has it."""

    position: int
    id: str
    app: str
    app_title: str
    title: str
    action: Action | None

    @property
    def number(self) -> int:
        """The position as people count, from 1."""
        return self.position + 1


def planned(detail: RunDetail, catalog: Catalog) -> tuple[Planned, ...]:
    """All steps of the version that ran, reached or not."""
    definition = detail.definition if isinstance(detail.definition, dict) else {}
    return tuple(_planned(number, step, catalog) for number, step in enumerate(definition.get("steps", [])))


def _planned(position: int, step: JSONObject, catalog: Catalog) -> Planned:
    app = catalog.apps.get(step["app"])
    action = app.actions.get(step["action"]) if app else None
    return Planned(
        position=position,
        id=step["id"],
        app=step["app"],
        app_title=app.title if app else step["app"],
        title=step.get("title") or (action.title if action else step["action"]),
        action=action,
    )


def story_of(detail: RunDetail, plan: tuple[Planned, ...], connection_names: Mapping[str, str]) -> Story:
    """The story of a run; `connection_names` are those of the connections that it may wait for, by id."""
    run = detail.run
    steps = {step.position: step for step in detail.steps}
    applied = [planned_step for planned_step in plan if _is_applied(steps.get(planned_step.position))]
    progress = _Progress(
        detail=detail,
        at=next((planned_step for planned_step in plan if planned_step.position == run.position), None),
        step=steps.get(run.position),
        applied=applied,
        waits_for=connection_names.get(run.waits_for, "its connection"),
    )
    lead, todo = _LEADS.get(run.state, _under_way)(progress)
    return Story(kind=_KINDS.get(run.state, "info"), lead=lead.strip(), rest=_rest(detail, applied), todo=todo)


def _is_applied(step: StepView | None) -> bool:
    return step is not None and step.outcome == "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """How far a run is: the planned step it stands at, what that step came to, and the steps that were applied."""

    detail: RunDetail
    at: Planned | None
    step: StepView | None
    applied: list[Planned]
    waits_for: str

    @property
    def place(self) -> str:
        return f"Step {self.at.number}, {_lower(self.at.title)}," if self.at else "A step"

    @property
    def app(self) -> str:
        return self.at.app_title if self.at else "The app"

    @property
    def sentence(self) -> str:
        return _stop(self.detail.run.sentence)


def _succeeded(progress: _Progress) -> tuple[str, str]:
    if not progress.applied:
        return "Every step is done; there was nothing left to apply.", ""
    return f"{_joined(progress.applied)}.", ""


def _skipped(progress: _Progress) -> tuple[str, str]:
    return f"Nothing was sent. {progress.sentence}", ""


def _failed(progress: _Progress) -> tuple[str, str]:
    at, step = progress.at, progress.step
    sentence = _stop(step.sentence) if step and step.sentence else progress.sentence
    if at is None:
        lead, number = sentence or "It did not succeed.", "the step that failed"
    else:
        before = f"{_joined(progress.applied)}, but step" if progress.applied else "Step"
        lead = f"{before} {at.number}, {_lower(at.title)}, did not succeed. {sentence}"
        number = f"step {at.number}"
    return lead, f"Put right what {progress.app} complains of, then resume: it goes on at {number} and repeats nothing."


def _unknown(progress: _Progress) -> tuple[str, str]:
    at, app = progress.at, progress.app
    lead = f"{progress.place} was sent, and nobody knows whether it was applied. {progress.sentence}"
    if at and at.action and at.action.look_up:
        return lead, f"Resume it: {app} is asked first, and the step is sent only if it is not there."
    return lead, f"Look in {app} whether it is there. It is not sent again by itself."


def _waiting(progress: _Progress) -> tuple[str, str]:
    lead = f"{progress.place} is tried again. {progress.sentence}"
    return lead, "Nothing: it retries by itself. Retry now does not wait."


def _paused(progress: _Progress) -> tuple[str, str]:
    name = progress.waits_for
    lead = f"{progress.place} waits until {name} works again."
    return lead, f"Repair {name}; everything that waits then goes on, in order."


def _cancelled(progress: _Progress) -> tuple[str, str]:
    place = f" at step {progress.at.number}" if progress.at else ""
    applied = f" {_joined(progress.applied)}." if progress.applied else ""
    return f"A person stopped it{place}.{applied}", ""


def _under_way(progress: _Progress) -> tuple[str, str]:
    return f"{progress.place} is next." if progress.at else "It is about to begin.", ""


_LEADS: Mapping[str, Callable[[_Progress], tuple[str, str]]] = {
    "succeeded": _succeeded,
    "skipped": _skipped,
    "failed": _failed,
    "unknown": _unknown,
    "waiting": _waiting,
    "paused": _paused,
    "cancelled": _cancelled,
}
"""What happened and what to do about it, by the state of the run; `_under_way` for every other state."""


def _rest(detail: RunDetail, applied: list[Planned]) -> str:
    """Whether money moved, and what was not applied again."""
    run = detail.run
    moved = [
        in_words(effect.money)
        for effect in detail.effects
        if effect.money and effect.fate == "applied" and effect.run_id == run.id
    ]
    already = sum(step.outcome == "already_applied" for step in detail.steps)
    sentences: list[str] = []
    if moved:
        sentences.append(f"Money passed on: {' and '.join(moved)}.")
    elif not applied:
        sentences.append("It moved no money.")
    if already:
        were = "was" if already == 1 else "were"
        sentences.append(f"{already} of its effects had been applied before and {were} not sent again.")
    if run.state != "unknown":
        sentences.append(_ONCE)
    return " ".join(sentences)


def _joined(applied: list[Planned]) -> str:
    """Track sale and attach price plan were applied."""
    if not applied:
        return ""
    names = [
        planned_step.title if not number else _lower(planned_step.title) for number, planned_step in enumerate(applied)
    ]
    text = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{text} {'were' if len(names) > 1 else 'was'} applied"


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _stop(sentence: str) -> str:
    """As a sentence with its stop; what a vendor left empty leaves no colon."""
    text = sentence.rstrip(" :")
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
