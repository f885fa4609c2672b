"""Assistants: the named agents of this pod, which nobody can change over HTTP."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from executor.api.json_response import Json
from executor.api.problems import Problem
from executor.faces.langgraph import shown
from executor.faces.langgraph.asked import assistant_id
from executor.faces.langgraph.bodies import Body, JsonObject
from executor.faces.langgraph.face import Desk, Face
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id
from executor.jobs.agents import KnownAgent

UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such assistant"}}
Limit = Annotated[int, Field(ge=1, le=1000)]
Offset = Annotated[int, Field(ge=0, le=1_000_000)]


class Search(Body):
    """Which assistants are meant."""

    graph_id: str | None = None
    name: str | None = None
    metadata: JsonObject = Field(default_factory=dict)
    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"] = "name"
    sort_order: Literal["asc", "desc"] = "asc"
    select: list[str] | None = None


class Count(Body):
    """Which assistants are meant."""

    graph_id: str | None = None
    name: str | None = None
    metadata: JsonObject = Field(default_factory=dict)


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])

    @routes.post("/assistants/search")
    async def search(body: Search) -> Json:
        """The agents, as assistants."""
        found = _found(face.open_desk(), body)
        found.sort(key=lambda each: str(each[body.sort_by]), reverse=body.sort_order == "desc")
        return Json([shown.picked(each, body.select) for each in found[body.offset : body.offset + body.limit]])

    @routes.post("/assistants/count")
    async def count(body: Count) -> Json:
        """How many there are."""
        return Json(len(_found(face.open_desk(), body)))

    @routes.get("/assistants/{assistant_id}", responses=UNKNOWN)
    async def get(assistant_id: Id) -> Json:
        """One of them, by its id or its name."""
        return Json(shown.assistant(agent_of(face.open_desk(), assistant_id)))

    return routes


def agent_of(desk: Desk, identity: str) -> KnownAgent:
    """The agent of this name or id; a 404 where there is none."""
    for agent in desk.jobs.definitions.listed():
        if identity in {agent.name, assistant_id(agent.name)}:
            return agent
    raise Problem(HTTPStatus.NOT_FOUND, f"no assistant {identity!r}")


def _found(desk: Desk, only: Search | Count) -> list[JsonObject]:
    every = [shown.assistant(agent) for agent in desk.jobs.definitions.listed()]
    return [
        each
        for each in every
        if only.graph_id in {None, each["graph_id"]}
        and (only.name or "").lower() in each["name"].lower()
        and only.metadata.items() <= each["metadata"].items()
    ]
