"""What happened to a run in one plain sentence, what it did to money, whether anything was applied twice, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
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
    """The note at the top of a run."""

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
        """As it is counted for people."""
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


def told(detail: RunDetail, plan: tuple[Planned, ...], connection_names: Mapping[str, str]) -> Story:
    """The story of a run."""
    run = detail.run
    by_position = {step.position: step for step in detail.steps}
    at = next((planned_step for planned_step in plan if planned_step.position == run.position), None)
    step = by_position.get(run.position)
    done = [
        planned_step
        for planned_step in plan
        if (reached := by_position.get(planned_step.position)) and reached.outcome == "applied"
    ]
    lead, todo = _told(detail, at, step, done, connection_names)
    return Story(kind=_KINDS.get(run.state, "info"), lead=lead.strip(), rest=_rest(detail, done), todo=todo)


def _told(
    detail: RunDetail, at: Planned | None, step: StepView | None, done: list[Planned], names: Mapping[str, str]
) -> tuple[str, str]:
    run = detail.run
    place = f"Step {at.number}, {_lower(at.title)}," if at else "A step"
    app = at.app_title if at else "The app"
    if run.state == "succeeded":
        return f"{_joined(done)}." if done else "Every step is done; there was nothing left to apply.", ""
    if run.state == "skipped":
        return f"Nothing was sent. {_stop(run.sentence)}", ""
    if run.state == "failed":
        sentence = step.sentence if step and step.sentence else run.sentence
        before = f"{_joined(done)}, but step" if done else "Step"
        lead = (
            f"{before} {at.number}, {_lower(at.title)}, did not succeed. {_stop(sentence)}"
            if at
            else _stop(sentence) or "It did not succeed."
        )
        number = f"step {at.number}" if at else "the step that failed"
        return lead, f"Put right what {app} complains of, then resume: it goes on at {number} and repeats nothing."
    if run.state == "unknown":
        lead = f"{place} was sent, and nobody knows whether it was applied. {_stop(run.sentence)}"
        if at and at.action and at.action.look_up:
            return lead, f"Resume it: {app} is asked first, and the step is sent only if it is not there."
        return lead, f"Look in {app} whether it is there. It is not sent again by itself."
    if run.state == "waiting":
        return (
            f"{place} is tried again. {_stop(run.sentence)}",
            "Nothing: it retries by itself. Retry now does not wait.",
        )
    if run.state == "paused":
        name = names.get(run.waits_for, "its connection")
        return (
            f"{place} waits until {name} works again.",
            f"Repair {name}; everything that waits then goes on, in order.",
        )
    if run.state == "cancelled":
        return f"A person stopped it{f' at step {at.number}' if at else ''}. {_joined(done)}.".replace(". .", "."), ""
    return f"{place} is next." if at else "It is about to begin.", ""


def _rest(detail: RunDetail, done: list[Planned]) -> str:
    run = detail.run
    moved = [one for one in detail.effects if one.money and one.fate == "applied" and one.run_id == run.id]
    already = [one for one in detail.steps if one.outcome == "already_applied"]
    sentences: list[str] = []
    if moved:
        sentences.append(f"Money passed on: {' and '.join(in_words(one.money) for one in moved if one.money)}.")
    elif not done:
        sentences.append("It moved no money.")
    if already:
        sentences.append(
            f"{len(already)} of its effects had been applied before and {'was' if len(already) == 1 else 'were'} not sent again."
        )
    if run.state != "unknown":
        sentences.append(_ONCE)
    return " ".join(sentences)


def _joined(done: list[Planned]) -> str:
    """Track sale and attach price plan were applied."""
    if not done:
        return ""
    names = [
        planned_step.title if not number else _lower(planned_step.title) for number, planned_step in enumerate(done)
    ]
    text = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{text} {'were' if len(names) > 1 else 'was'} applied"


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _stop(sentence: str) -> str:
    """As a sentence with its stop; what a vendor left empty leaves no colon."""
    text = sentence.rstrip(" :")
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
