"""`/flows`: drafts, versions, previews."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Response

from affluent.api.auth import Caller
from affluent.api.routing import needs, router
from affluent.api.v1.hub import After, Hub, Limit, Search
from affluent.api.v1.schemas import (
    Draft,
    DraftPreview,
    FlowPreview,
    NewFlow,
    Publication,
    SavedAt,
    SceneRequest,
)
from affluent.domain.flow import FlowDefinition
from affluent.services.flows.preview import PreviewResult, Scene
from affluent.services.flows.problems import FlowProblem
from affluent.services.flows.views import FlowDetail, FlowView, Published, VersionView
from affluent.services.paging import Page

routes = router("Flows")
Visible = Annotated[Literal["", "public", "private"], Query(description="Empty matches both.")]
Number = Annotated[int, Path(ge=1, le=1_000_000, description="Number of the version.")]


@routes.get("/flows", summary="List flows", **needs("flows:read", 422))
async def find(
    hub: Hub, visibility: Visible = "", search: Search = "", limit: Limit = 50, after: After = ""
) -> Page[FlowView]:
    """Oldest first, with apps, number of connections and last run."""
    return await hub.flows.list(visibility=visibility, search=search, limit=limit, after=after)


@routes.post("/flows", status_code=201, summary="Create a private flow", **needs("flows:write", 413, 422))
async def create(hub: Hub, caller: Caller, body: NewFlow, response: Response) -> FlowDetail:
    """As a draft, or published at once."""
    made = await hub.flows.create(body.definition, author=caller.name, publish=body.publish)
    response.headers["Location"] = f"flows/{made.flow.id}"
    return made


@routes.post("/flows/validate", summary="Check a definition", **needs("flows:read", 413, 422))
async def validate(hub: Hub, body: Draft) -> Page[FlowProblem]:
    """Everything that is wrong with it, field by field. Nothing is stored."""
    return Page(items=hub.flows.validate(body.definition))


@routes.post("/flows/preview", summary="Preview a definition", **needs("flows:write", 404, 413, 422))
async def preview_draft(hub: Hub, body: DraftPreview) -> PreviewResult:
    """Per step the request as it would be sent. Nothing is sent or stored; it asks for `flows:write`, as writing a flow does."""
    return await hub.preview.of_draft(body.definition, _scene(body))


@routes.get("/flows/{flow_id}", summary="Show a flow", **needs("flows:read", 404))
async def show(hub: Hub, flow_id: str) -> FlowDetail:
    """Current definition, draft and newest versions."""
    return await hub.flows.get(flow_id)


@routes.delete("/flows/{flow_id}", status_code=204, summary="Delete a private flow", **needs("flows:write", 404, 409))
async def delete(hub: Hub, flow_id: str) -> None:
    """Refused while it is connected."""
    await hub.flows.delete(flow_id)


@routes.post("/flows/{flow_id}/copy", status_code=201, summary="Copy a flow", **needs("flows:write", 404))
async def copy(hub: Hub, flow_id: str, response: Response) -> FlowDetail:
    """A private draft that says the same."""
    made = await hub.flows.copy(flow_id)
    response.headers["Location"] = f"../{made.flow.id}"
    return made


@routes.put("/flows/{flow_id}/draft", summary="Save the draft", **needs("flows:write", 404, 409, 413, 422))
async def save_draft(hub: Hub, flow_id: str, body: Draft) -> SavedAt:
    """Kept as it is, valid or not."""
    return SavedAt(saved_at=await hub.flows.save_draft(flow_id, body.definition))


@routes.delete("/flows/{flow_id}/draft", summary="Discard the draft", **needs("flows:write", 404, 409))
async def discard_draft(hub: Hub, flow_id: str) -> FlowDetail:
    """The current version is what remains."""
    return await hub.flows.discard_draft(flow_id)


@routes.get(
    "/flows/{flow_id}/draft/changes", summary="What publishing would change", **needs("flows:read", 404, 409, 422)
)
async def diff(hub: Hub, flow_id: str) -> Page[str]:
    """One sentence per change."""
    return Page(items=await hub.flows.diff(flow_id))


@routes.post("/flows/{flow_id}/publish", summary="Publish the draft", **needs("flows:write", 404, 409, 413, 422))
async def publish(hub: Hub, caller: Caller, flow_id: str, body: Publication | None = None) -> Published:
    """The draft becomes the current version; new runs execute it."""
    return await hub.flows.publish(flow_id, author=caller.name, note=body.note if body else "")


@routes.post("/flows/{flow_id}/preview", summary="Preview a flow", **needs("flows:read", 404, 413, 422))
async def preview(hub: Hub, flow_id: str, body: FlowPreview | None = None) -> PreviewResult:
    """Per step the request as it would be sent. Nothing is sent."""
    body = body or FlowPreview()
    return await hub.preview.of_flow(flow_id, _scene(body), version=body.version)


@routes.get("/flows/{flow_id}/versions", summary="List versions", **needs("flows:read", 404, 422))
async def versions(
    hub: Hub,
    flow_id: str,
    limit: Limit = 50,
    before: Annotated[int, Query(ge=0, le=1_000_000, description="Older than this number; 0: the newest.")] = 0,
) -> Page[VersionView]:
    """Newest first, with what each changed in words."""
    return Page(items=await hub.flows.versions(flow_id, limit=limit, before=before))


@routes.get("/flows/{flow_id}/versions/{number}", summary="Show a version", **needs("flows:read", 404, 422))
async def version(hub: Hub, flow_id: str, number: Number) -> FlowDefinition:
    """What it says."""
    return await hub.flows.version(flow_id, number)


@routes.post(
    "/flows/{flow_id}/versions/{number}/restore",
    summary="Restore a version as draft",
    **needs("flows:write", 404, 409, 422),
)
async def restore(hub: Hub, flow_id: str, number: Number) -> FlowDetail:
    """The draft says what that version said."""
    return await hub.flows.restore(flow_id, number)


def _scene(body: SceneRequest) -> Scene:
    return Scene(event_id=body.event_id, payload=body.payload, bindings=body.bindings, inputs=body.inputs)
