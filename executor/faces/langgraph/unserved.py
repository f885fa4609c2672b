"""What of the protocol is not served: refused in so many words, never ignored."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter

from executor.api.problems import Problem
from executor.faces.langgraph.face import Face

READ_ONLY = "assistants are the agents of the image and of its folder; they cannot be changed over HTTP"
ROUTES = (
    ("/assistants", ["POST"], READ_ONLY),
    ("/assistants/{assistant_id}", ["PATCH", "DELETE"], READ_ONLY),
    ("/assistants/{assistant_id}/versions", ["POST"], READ_ONLY),
    ("/assistants/{assistant_id}/latest", ["POST"], READ_ONLY),
    ("/assistants/{assistant_id}/subgraphs", ["GET"], "subgraphs are not listed; the graph itself is"),
    ("/assistants/{assistant_id}/subgraphs/{namespace}", ["GET"], "subgraphs are not listed; the graph itself is"),
    ("/threads/prune", ["POST"], "threads are forgotten in time, or one by one"),
    ("/threads/{thread_id}/copy", ["POST"], "threads are not copied"),
    ("/threads/{thread_id}/stream", ["GET"], "a thread is watched at /stream/events, a run at /runs/ID/stream"),
    ("/threads/{thread_id}/runs/{run_id}", ["DELETE"], "runs are forgotten in time, or with their thread"),
    ("/threads/{thread_id}/runs/crons", ["POST"], "there are no schedules"),
    ("/runs/crons", ["POST"], "there are no schedules"),
    ("/runs/crons/{rest:path}", ["POST", "PATCH", "DELETE"], "there are no schedules"),
    ("/runs/batch", ["POST"], "runs are begun one by one; POST / takes batches of jobs"),
    ("/store/{rest:path}", ["GET", "PUT", "POST", "DELETE"], "there is no store"),
)


def router(_: Face) -> APIRouter:
    """The routes that say so."""
    routes = APIRouter(include_in_schema=False)
    for path, methods, words in ROUTES:
        routes.add_api_route(path, _refusing(words), methods=methods)
    return routes


def _refusing(words: str) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, words)

    return refuse
