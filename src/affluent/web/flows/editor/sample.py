"""The sample that the editor plays a draft with: the documented one, a real event, or pasted JSON."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from affluent.bootstrap import Hub
from affluent.kit.jsons import JSONObject
from affluent.services.errors import NotFound
from affluent.services.flows.preview import PreviewResult, Scene
from affluent.services.runs.events import EventView
from affluent.web.flows.editor.draft import readable, steps_of, trigger_of
from affluent.web.formatting import times

PASTED = "pasted"
_MOST_KEPT = 200
_EVENTS = 20
_CONNECTIONS = 200


class Pasted:
    """JSON that people pasted as a sample, as long as this process lives; the oldest is forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], JSONObject] = OrderedDict()

    def keep(self, person: str, flow: str, payload: JSONObject) -> None:
        """Keep a sample for this person and flow; the oldest of all is forgotten when there are too many."""
        self._kept[person, flow] = payload
        self._kept.move_to_end((person, flow))
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def get(self, person: str, flow: str) -> JSONObject | None:
        """The sample that this person pasted last for this flow; None when there is none."""
        return self._kept.get((person, flow))


@cache
def pasted() -> Pasted:
    """The pasted samples of this process."""
    return Pasted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A draft played with a sample."""

    result: PreviewResult
    sample: str
    """Empty: the documented one; an event's id; or "pasted"."""
    options: tuple[tuple[str, str], ...]
    """Samples to choose from."""
    events: int
    """How many of them are real."""


async def play(hub: Hub, draft: JSONObject, asked_for: str, own: JSONObject | None) -> Played:
    """Play a draft with the sample that is wanted, or with the documented one when that is gone."""
    events = await _events(hub, draft)
    sample = asked_for if asked_for.startswith("evt_") or (asked_for == PASTED and own is not None) else ""
    playable, bindings = readable(draft), await _bindings(hub, draft)
    try:
        result = await hub.preview.of_draft(playable, _scene(sample, own, bindings))
    except NotFound:
        sample = ""
        result = await hub.preview.of_draft(playable, _scene(sample, own, bindings))
    options = [("", "Documented sample"), *((event.id, _label(event)) for event in events)]
    if sample.startswith("evt_") and sample not in dict(options):
        options.append((sample, "An earlier event"))
    if own is not None:
        options.append((PASTED, "Pasted JSON"))
    return Played(result=result, sample=sample, options=tuple(options), events=len(events))


def _scene(sample: str, own: JSONObject | None, bindings: dict[str, str]) -> Scene:
    if sample == PASTED:
        return Scene(payload=own, bindings=bindings)
    return Scene(event_id=sample, bindings=bindings)


async def _events(hub: Hub, draft: JSONObject) -> Sequence[EventView]:
    use = trigger_of(draft)
    app = hub.catalog.apps.get(str(use.get("app")))
    trigger = app.triggers.get(str(use.get("trigger"))) if app else None
    if app is None or trigger is None:
        return ()
    return await hub.events.find(app=app.key, event_type=trigger.events[0], limit=_EVENTS)


async def _bindings(hub: Hub, draft: JSONObject) -> dict[str, str]:
    """For each step the first connection of its app that works, so that requests look as they would be sent."""
    connections = (await hub.connections.list(status="active", limit=_CONNECTIONS)).items
    by_app = {connection.app: connection.id for connection in reversed(connections)}
    return {step["id"]: by_app[step["app"]] for step in steps_of(draft) if step.get("app") in by_app}


def _label(event: EventView) -> str:
    return f"{event.title or event.type} · {times.relative(event.occurred_at)}"
