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
from affluent.web.flows.editor import draft as drafts
from affluent.web.flows.editor.draft import ADD, FLOW, TRIGGER
from affluent.web.flows.editor.fields import fix_of
from affluent.web.flows.editor.page import Choices, EditorPage, build, currency_of, part_of, trigger_choices
from affluent.web.flows.editor.sample import PASTED, pasted, play
from affluent.web.formatting import json_text as jsonview
from affluent.web.forms import Form
from affluent.web.request import PageRequest
from affluent.web.routing import PageRoutes

_NEW = (("Integrations", ""), ("Flows", "/flows"), ("Create new flow", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPage:
    """The form of a new flow: its name and its trigger."""

    form: Form
    choices: Choices


def routes(pages: PageRoutes) -> list[Route]:
    """Only developers may ask for these."""
    role = Role.DEVELOPER
    return [
        pages.get("/flows/new", new, role=role),
        pages.post("/flows/new", create, role=role),
        pages.get("/flows/{flow}/edit", show, role=role),
        pages.post("/flows/{flow}/edit", change, role=role),
        pages.post("/flows/{flow}/sample", paste, role=role),
        pages.get("/flows/{flow}/preview", preview, role=role),
        pages.post("/flows/{flow}/publish", publish, role=role),
        pages.post("/flows/{flow}/discard", discard, role=role),
    ]


async def new(request: PageRequest) -> Response:
    """The empty form of a new flow."""
    return await _new(request, Form({"type": FlowType.OUTBOUND.value}))


async def create(request: PageRequest) -> Response:
    """A draft with its trigger; the editor goes on with its first step."""
    form = await request.form()
    kind = form.text("type", FlowType.OUTBOUND.value)
    app, _, key = form.text(f"trigger.{kind}").partition(".")
    name = form.text("name").strip()
    if len(name) < 3:
        form.wrong("name", "Give it a name of at least 3 characters.")
    if not key:
        form.wrong(f"trigger.{kind}", "Choose what starts it.")
    if form.errors:
        return await _new(request, form, status=422)
    text = form.text("description").strip()
    draft: JSONObject = {"name": name, "description": text, "type": kind, "trigger": {"app": app, "trigger": key}}
    made = await request.hub.flows.create({**draft, "steps": []}, author=request.person.name)
    return request.go(f"/flows/{made.flow.id}/edit?part={ADD}")


async def show(request: PageRequest) -> Response:
    """One part of the draft; `?part=` says which, `?sample=` with which data, `?dialog=publish` asks for the last word.

    The last word comes alone when the page's script asks for it.
    """
    page = await _page(
        request,
        part=request.query("part"),
        at=_place(request.query("at")),
        sample=request.query("sample"),
        focus=request.query("focus"),
        dialog=request.query("dialog"),
        is_choosing=request.query("choose") == "action",
        is_pasting=bool(request.query("paste")),
    )
    if request.is_htmx and page.dialog:
        return HTMLResponse(request.render("editor/publish.html", page=page))
    return await _shown(request, page)


async def change(request: PageRequest) -> Response:
    """Keep what a part's form says. The page's script gets the parts that depend on it, others go on to the next page."""
    form, hub = await request.form(), request.hub
    detail = await _editable(request)
    part, sample, act = form.text("part"), form.text("sample"), form.text("do")
    draft = _said(detail)
    focus = ""
    if part == ADD:
        draft, part = _with_step(request, draft, form)
    else:
        draft = drafts.with_form(draft, part, form, hub.catalog)
        draft, part, focus = _acted(request, draft, part, act)
    saved = await hub.flows.save_draft(detail.flow.id, draft)
    if request.is_htmx:
        played = await play(hub, draft, sample, _own(request))
        page = build(hub, replace(detail, draft=draft, draft_at=saved), draft, played, part=part)
        return _parts(request, page)
    query = urlencode({key: value for key, value in (("part", part), ("sample", sample), ("focus", focus)) if value})
    return request.go(f"/flows/{detail.flow.id}/edit?{query}")


async def paste(request: PageRequest) -> Response:
    """Use pasted JSON as the sample."""
    form, flow_id = await request.form(), request.path("flow")
    part = form.text("part")
    try:
        value = loads(form.text("payload"))
    except InvalidJSON as error:
        form.wrong("payload", f"This is not JSON: {error}.")
        return await _shown(request, await _page(request, part=part, form=form), status=422)
    if not isinstance(value, dict):
        form.wrong("payload", "A sample is a JSON object: { … }.")
        return await _shown(request, await _page(request, part=part, form=form), status=422)
    pasted().keep(request.person.id, flow_id, value)
    return request.go(f"/flows/{flow_id}/edit?{urlencode({'part': part, 'sample': PASTED})}")


async def preview(request: PageRequest) -> Response:
    """Footer step 2: what every step would do. Nothing is sent."""
    page = await _page(request, part=FLOW, sample=request.query("sample"))
    crumbs = [("Integrations", ""), ("Flows", "/flows"), (page.detail.flow.name, page.href(FLOW)), ("Preview", "")]
    return await request.page("editor/preview.html", page, section="Flows", crumbs=crumbs)


async def publish(request: PageRequest) -> Response:
    """Make the draft the current version; refused with links to the fields while there are errors."""
    form = await request.form()
    detail = await _editable(request)
    try:
        await request.hub.flows.save_draft(detail.flow.id, drafts.cleaned(_said(detail)))
        done = await request.hub.flows.publish(
            detail.flow.id, author=request.person.name, note=form.text("note").strip()
        )
    except Invalid:
        return await _shown(
            request, await _page(request, part=form.text("part"), form=form, dialog="publish"), status=422
        )
    attention = " ".join(done.attention)
    say = f"Version {done.flow.flow.version} is published. {attention}".strip()
    return request.go(f"/flows/{detail.flow.id}" + ("" if detail.flow.connections else "/connections"), say=say)


async def discard(request: PageRequest) -> Response:
    """Forget the draft and fall back to the published version."""
    made = await request.hub.flows.discard_draft(request.path("flow"))
    return request.go(f"/flows/{made.flow.id}", say="The draft is discarded.")


async def _new(request: PageRequest, form: Form, *, status: int = 200) -> Response:
    page = NewPage(form=form, choices=trigger_choices(request.hub))
    return await request.page("editor/new.html", page, section="Flows", crumbs=_NEW, status=status)


async def _shown(request: PageRequest, page: EditorPage, *, status: int = 200) -> Response:
    crumbs = [
        ("Integrations", ""),
        ("Flows", "/flows"),
        (page.detail.flow.name, f"/flows/{page.detail.flow.id}"),
        ("Edit", ""),
    ]
    return await request.page("editor/show.html", page, section="Flows", crumbs=crumbs, status=status)


async def _page(
    request: PageRequest,
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
    detail = await _editable(request)
    draft, own = _said(detail), _own(request)
    played = await play(request.hub, draft, sample, own)
    payload = own if own is not None else played.result.payload
    page = build(
        request.hub,
        detail,
        draft,
        played,
        part=part,
        at=min(at, len(drafts.steps_of(draft))),
        focus=focus,
        form=form,
        dialog=dialog if dialog == "publish" else "",
        pasted=jsonview.text(payload) if is_pasting or played.sample == PASTED else "",
        is_choosing=is_choosing,
        is_pasting=is_pasting,
    )
    return replace(page, changes=await _changes(request, page)) if page.dialog and not page.errors else page


async def _changes(request: PageRequest, page: EditorPage) -> tuple[str, ...]:
    if page.detail.draft is None:
        return ("Nothing changed.",)
    try:
        return await request.hub.flows.diff(page.detail.flow.id)
    except ServiceError as error:
        return (error.message,)


async def _editable(request: PageRequest) -> FlowDetail:
    detail = await request.hub.flows.get(request.path("flow"))
    if detail.flow.visibility != "private":
        raise Conflict("This flow is shipped with Affluent and cannot be changed. Make a copy and change that.")
    return detail


def _said(detail: FlowDetail) -> JSONObject:
    """The draft; what is published when there is none."""
    if detail.draft is not None:
        return detail.draft
    return detail.definition.model_dump(mode="json") if detail.definition else {}


def _own(request: PageRequest) -> JSONObject | None:
    return pasted().get(request.person.id, request.path("flow"))


def _with_step(request: PageRequest, draft: JSONObject, form: Form) -> tuple[JSONObject, str]:
    app_key, _, key = form.text("action").partition(".")
    app = request.hub.catalog.apps.get(app_key)
    action = app.actions.get(key) if app else None
    if app is None or action is None:
        raise NotFound(f"There is no action {form.text('action')!r}.")
    return drafts.new_step(draft, app, action, _place(form.text("at")))


def _wanted(move: str) -> tuple[str, int]:
    """The step that is moved and where to, as "sale:2" says it."""
    step_id, _, at = move.rpartition(":")
    return step_id, _place(at)


def _place(at: str) -> int:
    """Where a step goes; nothing said: last."""
    number = whole(at)
    return 10_000 if number is None else number


def _acted(request: PageRequest, draft: JSONObject, part: str, act: str) -> tuple[JSONObject, str, str]:
    """What a button of the form does besides keeping it: the draft, the part to show, the field to focus."""
    name, _, field = act.partition(":")
    step = drafts.step_of(draft, part)
    if name == "up":
        return drafts.moved(draft, part, -1), part, ""
    if name == "down":
        return drafts.moved(draft, part, 1), part, ""
    if name == "move":
        return drafts.placed(draft, *_wanted(field)), part, ""
    if name == "remove":
        return drafts.without(draft, part), TRIGGER, ""
    if step is not None and name == "more":
        step["inputs"].setdefault(field, "")
    elif step is not None and name == "less":
        step["inputs"].pop(field, None)
    elif step is not None and name == "fix":
        step["inputs"][field] = _fixed(request, draft, part, field)
    return draft, part, field


def _fixed(request: PageRequest, draft: JSONObject, part: str, field: str) -> str:
    """The text that puts a field of a step right; as it is when there is none."""
    ids = [str(step["id"]) for step in drafts.steps_of(draft)]
    inputs = (drafts.step_of(draft, part) or {}).get("inputs") or {}
    for problem in request.hub.flows.validate(drafts.cleaned(draft)):
        if part_of(problem.field, ids) == part and problem.field.endswith(f".inputs.{field}"):
            return fix_of(inputs.get(field), problem, currency_of(request.hub, draft, part)) or str(inputs.get(field))
    return str(inputs.get(field, ""))


def _parts(request: PageRequest, page: EditorPage) -> Response:
    names = ["editor/chain.html", "editor/saved.html", "editor/told.html"]
    parts = [
        request.partial(target, name, page=page)
        for target, name in zip(("#chain", "#saved", "#told"), names, strict=True)
    ]
    parts += [request.partial(f"#v-{row.field.name}", "editor/value.html", page=page, row=row) for row in page.rows]
    if page.shown is not None:
        parts.append(request.partial("#request", "editor/request.html", page=page))
    if page.part not in (FLOW, ADD):
        parts.append(request.partial("#v-condition", "editor/met.html", page=page))
    return request.parts(*parts)
