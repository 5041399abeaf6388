"""The flow editor: define, map, preview, publish. Every change is kept as the draft; without script each form has a button."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from affluent.domain.flow import FlowType
from affluent.kit.jsons import InvalidJSON, JSONObject, loads
from affluent.kit.numbers import whole
from affluent.services.errors import Conflict, Invalid, NotFound, ServiceError
from affluent.services.flows.views import FlowDetail
from affluent.services.identity.people import Role
from affluent.web.app import WebApp
from affluent.web.flows.editor import draft as drafts
from affluent.web.flows.editor.draft import ADD, FLOW, TRIGGER
from affluent.web.flows.editor.fields import fix_of
from affluent.web.flows.editor.page import Choices, EditorPage, build, currency_of, part_of, trigger_choices
from affluent.web.flows.editor.sample import PASTED, pasted, play
from affluent.web.formatting import json_text as jsonview
from affluent.web.forms import Form
from affluent.web.request import PageRequest

_NEW = (("Integrations", ""), ("Flows", "/flows"), ("Create new flow", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPage:
    """Define Flow and Define Trigger."""

    form: Form
    choices: Choices


def routes(site: WebApp) -> list[Route]:
    """All of it is a developer's."""
    role = Role.DEVELOPER
    return [
        site.get("/flows/new", new, role=role),
        site.post("/flows/new", create, role=role),
        site.get("/flows/{flow}/edit", show, role=role),
        site.post("/flows/{flow}/edit", change, role=role),
        site.post("/flows/{flow}/sample", paste, role=role),
        site.get("/flows/{flow}/preview", preview, role=role),
        site.post("/flows/{flow}/publish", publish, role=role),
        site.post("/flows/{flow}/discard", discard, role=role),
    ]


async def new(visit: PageRequest) -> Response:
    """The first form."""
    return await _new(visit, Form({"type": FlowType.OUTBOUND.value}))


async def create(visit: PageRequest) -> Response:
    """A draft with its trigger; the editor goes on with its first step."""
    form = await visit.form()
    kind = form.text("type", FlowType.OUTBOUND.value)
    app, _, key = form.text(f"trigger.{kind}").partition(".")
    name = form.text("name").strip()
    if len(name) < 3:
        form.wrong("name", "Give it a name of at least 3 characters.")
    if not key:
        form.wrong(f"trigger.{kind}", "Choose what starts it.")
    if form.errors:
        return await _new(visit, form, status=422)
    text = form.text("description").strip()
    said: JSONObject = {"name": name, "description": text, "type": kind, "trigger": {"app": app, "trigger": key}}
    made = await visit.hub.flows.create({**said, "steps": []}, author=visit.person.name)
    return visit.go(f"/flows/{made.flow.id}/edit?part={ADD}")


async def show(visit: PageRequest) -> Response:
    """One part of the draft; `?part=` says which, `?sample=` with which data, `?dialog=publish` asks for the last word.

    The last word comes alone when the page's script asks for it.
    """
    page = await _page(
        visit,
        part=visit.query("part"),
        at=_place(visit.query("at")),
        sample=visit.query("sample"),
        focus=visit.query("focus"),
        dialog=visit.query("dialog"),
        is_choosing=visit.query("choose") == "action",
        is_pasting=bool(visit.query("paste")),
    )
    if visit.is_htmx and page.dialog:
        return HTMLResponse(visit.render("editor/publish.html", page=page))
    return await _shown(visit, page)


async def change(visit: PageRequest) -> Response:
    """Keep what a part's form says. The page's script gets the parts that depend on it, others go on to the next page."""
    form, hub = await visit.form(), visit.hub
    detail = await _editable(visit)
    part, sample, act = form.text("part"), form.text("sample"), form.text("do")
    said = _said(detail)
    focus = ""
    if part == ADD:
        said, part = _with_step(visit, said, form)
    else:
        said = drafts.with_form(said, part, form, hub.catalog)
        said, part, focus = _acted(visit, said, part, act)
    saved = await hub.flows.save_draft(detail.flow.id, said)
    if visit.is_htmx:
        played = await play(hub, said, sample, _own(visit))
        page = build(hub, replace(detail, draft=said, draft_at=saved), said, played, part=part)
        return _parts(visit, page)
    query = urlencode({key: value for key, value in (("part", part), ("sample", sample), ("focus", focus)) if value})
    return visit.go(f"/flows/{detail.flow.id}/edit?{query}")


async def paste(visit: PageRequest) -> Response:
    """Use pasted JSON as the sample."""
    form, flow_id = await visit.form(), visit.path("flow")
    part = form.text("part")
    try:
        value = loads(form.text("payload"))
    except InvalidJSON as error:
        form.wrong("payload", f"This is not JSON: {error}.")
        return await _shown(visit, await _page(visit, part=part, form=form), status=422)
    if not isinstance(value, dict):
        form.wrong("payload", "A sample is a JSON object: { … }.")
        return await _shown(visit, await _page(visit, part=part, form=form), status=422)
    pasted().keep(visit.person.id, flow_id, value)
    return visit.go(f"/flows/{flow_id}/edit?{urlencode({'part': part, 'sample': PASTED})}")


async def preview(visit: PageRequest) -> Response:
    """Footer step 2: what every step would do. Nothing is sent."""
    page = await _page(visit, part=FLOW, sample=visit.query("sample"))
    crumbs = [("Integrations", ""), ("Flows", "/flows"), (page.detail.flow.name, page.href(FLOW)), ("Preview", "")]
    return await visit.page("editor/preview.html", page, section="Flows", crumbs=crumbs)


async def publish(visit: PageRequest) -> Response:
    """Make the draft the current version; refused with links to the fields while there are errors."""
    form = await visit.form()
    detail = await _editable(visit)
    try:
        await visit.hub.flows.save_draft(detail.flow.id, drafts.cleaned(_said(detail)))
        done = await visit.hub.flows.publish(detail.flow.id, author=visit.person.name, note=form.text("note").strip())
    except Invalid:
        return await _shown(visit, await _page(visit, part=form.text("part"), form=form, dialog="publish"), status=422)
    attention = " ".join(done.attention)
    say = f"Version {done.flow.flow.version} is published. {attention}".strip()
    return visit.go(f"/flows/{detail.flow.id}" + ("" if detail.flow.connections else "/connections"), say=say)


async def discard(visit: PageRequest) -> Response:
    """Forget the draft and fall back to the published version."""
    made = await visit.hub.flows.discard_draft(visit.path("flow"))
    return visit.go(f"/flows/{made.flow.id}", say="The draft is discarded.")


async def _new(visit: PageRequest, form: Form, *, status: int = 200) -> Response:
    page = NewPage(form=form, choices=trigger_choices(visit.hub))
    return await visit.page("editor/new.html", page, section="Flows", crumbs=_NEW, status=status)


async def _shown(visit: PageRequest, page: EditorPage, *, status: int = 200) -> Response:
    crumbs = [
        ("Integrations", ""),
        ("Flows", "/flows"),
        (page.detail.flow.name, f"/flows/{page.detail.flow.id}"),
        ("Edit", ""),
    ]
    return await visit.page("editor/show.html", page, section="Flows", crumbs=crumbs, status=status)


async def _page(
    visit: PageRequest,
    *,
    part: str,
    at: int = 10_000,
    sample: str = "",
    focus: str = "",
    form: Form | None = None,
    dialog: str = "",
    is_choosing: bool = False,
    is_pasting: bool = False,
) -> EditorPage:
    detail = await _editable(visit)
    said, own = _said(detail), _own(visit)
    played = await play(visit.hub, said, sample, own)
    payload = own if own is not None else played.result.payload
    page = build(
        visit.hub,
        detail,
        said,
        played,
        part=part,
        at=min(at, len(drafts.steps_of(said))),
        focus=focus,
        form=form,
        dialog=dialog if dialog == "publish" else "",
        pasted=jsonview.text(payload) if is_pasting or played.sample == PASTED else "",
        is_choosing=is_choosing,
        is_pasting=is_pasting,
    )
    return replace(page, changes=await _changes(visit, page)) if page.dialog and not page.errors else page


async def _changes(visit: PageRequest, page: EditorPage) -> tuple[str, ...]:
    if page.detail.draft is None:
        return ("Nothing changed.",)
    try:
        return await visit.hub.flows.diff(page.detail.flow.id)
    except ServiceError as error:
        return (error.message,)


async def _editable(visit: PageRequest) -> FlowDetail:
    detail = await visit.hub.flows.get(visit.path("flow"))
    if detail.flow.visibility != "private":
        raise Conflict("This flow is shipped with Affluent and cannot be changed. Make a copy and change that.")
    return detail


def _said(detail: FlowDetail) -> JSONObject:
    """The draft; what is published when there is none."""
    if detail.draft is not None:
        return detail.draft
    return detail.definition.model_dump(mode="json") if detail.definition else {}


def _own(visit: PageRequest) -> JSONObject | None:
    return pasted().get(visit.person.id, visit.path("flow"))


def _with_step(visit: PageRequest, said: JSONObject, form: Form) -> tuple[JSONObject, str]:
    app_key, _, key = form.text("action").partition(".")
    app = visit.hub.catalog.apps.get(app_key)
    action = app.actions.get(key) if app else None
    if app is None or action is None:
        raise NotFound(f"There is no action {form.text('action')!r}.")
    return drafts.new_step(said, app, action, _place(form.text("at")))


def _wanted(move: str) -> tuple[str, int]:
    """The step that is moved and where to, as "sale:2" says it."""
    step_id, _, at = move.rpartition(":")
    return step_id, _place(at)


def _place(at: str) -> int:
    """Where a step goes; nothing said: last."""
    number = whole(at)
    return 10_000 if number is None else number


def _acted(visit: PageRequest, said: JSONObject, part: str, act: str) -> tuple[JSONObject, str, str]:
    """What a button of the form does besides keeping it: the draft, the part to show, the field to focus."""
    name, _, field = act.partition(":")
    step = drafts.step_of(said, part)
    if name == "up":
        return drafts.moved(said, part, -1), part, ""
    if name == "down":
        return drafts.moved(said, part, 1), part, ""
    if name == "move":
        return drafts.placed(said, *_wanted(field)), part, ""
    if name == "remove":
        return drafts.without(said, part), TRIGGER, ""
    if step is not None and name == "more":
        step["inputs"].setdefault(field, "")
    elif step is not None and name == "less":
        step["inputs"].pop(field, None)
    elif step is not None and name == "fix":
        step["inputs"][field] = _fixed(visit, said, part, field)
    return said, part, field


def _fixed(visit: PageRequest, said: JSONObject, part: str, field: str) -> str:
    """The text that puts a field of a step right; as it is when there is none."""
    ids = [str(step["id"]) for step in drafts.steps_of(said)]
    inputs = (drafts.step_of(said, part) or {}).get("inputs") or {}
    for one in visit.hub.flows.validate(drafts.cleaned(said)):
        if part_of(one.field, ids) == part and one.field.endswith(f".inputs.{field}"):
            return fix_of(inputs.get(field), one, currency_of(visit.hub, said, part)) or str(inputs.get(field))
    return str(inputs.get(field, ""))


def _parts(visit: PageRequest, page: EditorPage) -> Response:
    names = ["editor/chain.html", "editor/saved.html", "editor/told.html"]
    found = [
        visit.partial(target, name, page=page)
        for target, name in zip(("#chain", "#saved", "#told"), names, strict=True)
    ]
    found += [visit.partial(f"#v-{row.field.name}", "editor/value.html", page=page, row=row) for row in page.rows]
    if page.shown is not None:
        found.append(visit.partial("#request", "editor/request.html", page=page))
    if page.part not in (FLOW, ADD):
        found.append(visit.partial("#v-condition", "editor/met.html", page=page))
    return visit.parts(*found)
