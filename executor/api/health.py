"""Liveness, readiness, metrics."""

import asyncio

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contract import HEALTH_PATH, METRICS_PATH, READY_PATH
from executor.api.json_response import Json
from executor.api.state import Check, State
from executor.errors import ExecutorError

CHECK_SECONDS = 3.0


def router(state: State) -> APIRouter:
    """The routes that Kubernetes and Prometheus ask."""
    routes = APIRouter(tags=["health"])

    @routes.get(HEALTH_PATH)
    async def health() -> dict[str, str]:
        """Whether the process and its event loop are alive."""
        return {"status": "alive"}

    @routes.get(READY_PATH, responses={503: {"description": "Not ready; the body says what is missing"}})
    async def ready() -> Json:
        """Whether jobs can be worked on: NATS, Postgres and the consumer decide; Dragonfly is only told."""
        deciding = await _ask(state.deciding)
        told = await _ask(state.reported)
        is_ready = state.jobs is not None and not state.stopping and all(word == "ok" for word in deciding.values())
        body = {"status": "ready" if is_ready else "not ready", "checks": {**deciding, **told}}
        return Json(body, 200 if is_ready else 503)

    @routes.get(METRICS_PATH)
    async def metrics() -> Response:
        """Prometheus's text format."""
        return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _ask(checks: dict[str, Check]) -> dict[str, str]:
    asked = dict(checks)  # while the service opens, more are added
    words = await asyncio.gather(*(_word(check) for check in asked.values()))
    return dict(zip(asked, words, strict=True))


async def _word(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:.0f} s"
    except ExecutorError as error:
        return str(error)
    return "ok"
