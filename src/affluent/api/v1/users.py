"""`/users`: people who may sign in. A token gives no role, and acts on nobody with a role, whose rights it lacks itself."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Response
from pydantic import ConfigDict, Field

from affluent.api.routing import needs, router
from affluent.api.v1.hub import Hub
from affluent.api.v1.schemas import Sent
from affluent.services.identity.roles import Role
from affluent.services.identity.sessions import PersonView
from affluent.services.paging import Page

routes = router("Users")


class Invitation(Sent):
    """Whom to let in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Ada Lovelace", "email": "ada@example.com", "role": "analyst"}]}
    )
    name: str = Field(max_length=200)
    email: str = Field(max_length=300)
    role: Role = Role.ANALYST


class RoleChange(Sent):
    """Another role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "developer"}]})
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A person with the link by which they choose a password, once, within 24 hours. It is never shown again."""

    person: PersonView
    link: str

    def __repr__(self) -> str:
        return f"Invited(person={self.person!r})"


@routes.get("/users", summary="List users", **needs("users:read"))
async def find(hub: Hub) -> Page[PersonView]:
    """Everybody, by name."""
    return Page(items=await hub.users.list())


@routes.post("/users", status_code=201, summary="Invite a user", **needs("users:write", 409, 413, 422))
async def invite(hub: Hub, body: Invitation, response: Response) -> Invited:
    """Hand the link to the person; no e-mail is sent. A token gives only a role whose rights it has itself."""
    person, link = await hub.users.invite(name=body.name, email=body.email, role=body.role)
    response.headers["Location"] = f"users/{person.id}"
    return Invited(person=person, link=link)


@routes.get("/users/{user_id}", summary="Show a user", **needs("users:read", 404))
async def show(hub: Hub, user_id: str) -> PersonView:
    """One person."""
    return await hub.users.get(user_id)


@routes.patch("/users/{user_id}", summary="Give a user another role", **needs("users:write", 404, 409, 413, 422))
async def change_role(hub: Hub, user_id: str, body: RoleChange) -> PersonView:
    """It counts from the next request on. The last administrator stays one. The token must have the rights of both roles."""
    return await hub.users.change_role(user_id, body.role)


@routes.post("/users/{user_id}/deactivate", summary="Deactivate a user", **needs("users:write", 404, 409))
async def deactivate(hub: Hub, user_id: str) -> PersonView:
    """Signed out everywhere, and let in no more; their API tokens are deactivated for good."""
    return await hub.users.deactivate(user_id)


@routes.post("/users/{user_id}/activate", summary="Activate a user", **needs("users:write", 404))
async def activate(hub: Hub, user_id: str) -> PersonView:
    """Let in again. Their sessions and API tokens stay ended."""
    return await hub.users.activate(user_id)


@routes.post("/users/{user_id}/link", summary="Make a link for a new password", **needs("users:write", 404, 409))
async def make_link(hub: Hub, user_id: str) -> Invited:
    """Good once, within 24 hours; links made before are void. The token must have the rights of the person's role itself."""
    link = await hub.users.new_password_link(user_id)
    return Invited(person=await hub.users.get(user_id), link=link)
