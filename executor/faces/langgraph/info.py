"""`/info` and `/ok`: what is here, for clients that ask before anything else."""

from importlib.metadata import version

from fastapi import APIRouter

from executor.api.json_response import Json
from executor.faces.langgraph.face import Face

TAG = "LangGraph protocol"


def router(_: Face) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=[TAG])

    @routes.get("/info")
    async def info() -> Json:
        """The release, and what of the protocol is served."""
        return Json({"version": version("agent-executor"), "flags": {"assistants": True, "crons": False}})

    @routes.get("/ok")
    async def ok() -> Json:
        """Whether anybody is here."""
        return Json({"ok": True})

    return routes
