"""`GET /agents`: whom jobs may ask for by name."""

from dataclasses import asdict

from fastapi import APIRouter, Depends

from executor.api.auth import reader
from executor.api.json_response import Json
from executor.api.state import State


def router(state: State) -> APIRouter:
    """The route of the list."""
    routes = APIRouter(tags=["agents"], dependencies=[Depends(reader)])

    @routes.get("/agents")
    async def agents() -> Json:
        """The agents of this pod by name, graphs of its image and definitions of its folder; `source` is the file."""
        return Json({"agents": [asdict(agent) for agent in state.open_jobs().definitions.listed()]})

    return routes
