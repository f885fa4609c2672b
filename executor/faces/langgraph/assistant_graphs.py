"""What an assistant looks like, and what it takes and gives."""

from typing import Annotated

from fastapi import APIRouter, Query

from executor.api.json_response import Json
from executor.faces.langgraph.assistants import UNKNOWN, agent_of
from executor.faces.langgraph.face import Face
from executor.faces.langgraph.info import TAG
from executor.faces.langgraph.paths import Id

MOST_DEPTH = 32

Xray = Annotated[bool | Annotated[int, Query(ge=0, le=MOST_DEPTH)], Query()]


def router(face: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])

    @routes.get("/assistants/{assistant_id}/graph", responses=UNKNOWN)
    async def graph(assistant_id: Id, *, xray: Xray = False) -> Json:
        """Its nodes and edges; with `xray` those of graphs inside it, too, to a depth where that is a number."""
        desk = face.open_desk()
        return Json(await desk.graphs.drawing(agent_of(desk, assistant_id).name, xray=xray))

    @routes.get("/assistants/{assistant_id}/schemas", responses=UNKNOWN)
    async def schemas(assistant_id: Id) -> Json:
        """JSON schemas of its input, of what it gives and of its context, each null where its types have none."""
        desk = face.open_desk()
        name = agent_of(desk, assistant_id).name
        return Json({"graph_id": name, **await desk.graphs.schemas(name)})

    return routes
