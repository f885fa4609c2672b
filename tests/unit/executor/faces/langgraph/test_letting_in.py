"""Who has a tenant is not let in: the protocol does not tell tenants apart yet."""

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from executor.api.server import application
from executor.api.state import State
from executor.errors import TryAgain
from executor.faces.langgraph import routers
from executor.faces.langgraph.face import Face
from executor.jobs.caller import Caller
from executor.telemetry import Metrics

pytestmark = pytest.mark.anyio

ORIGIN = "https://chat"


class Badges:
    async def caller(self, token):
        if not token:
            raise TryAgain("no keys")
        return Caller.of("red", ["admin"])


def answering(authentication):
    state = State(Metrics(), authentication=authentication)
    faces = routers(Face(state))
    app = application(state, faces, [ORIGIN])
    paths = [
        (method, str(route.path_format).replace("{", "").replace("}", "").replace(":path", ""))
        for face in faces
        for route in iter_route_contexts(face.routes)
        for method in sorted(route.methods or ())
    ]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here"), paths


async def test_whoever_has_a_tenant_is_refused_at_every_route():
    client, paths = answering(Badges())
    async with client as http:
        assert len(paths) > 40
        for method, path in paths:
            assert (await http.request(method, path, json={})).status_code == 401, path
            answer = await http.request(method, path, json={}, headers={"x-api-key": "t"})
            assert (answer.status_code, "tenants" in answer.json()["detail"]) == (501, True), path


async def test_without_issuers_everybody_is_let_in():
    client, _ = answering(None)
    async with client as http:
        assert (await http.get("/info")).json()["flags"] == {"assistants": True, "crons": False}
        assert (await http.get("/threads/t")).status_code == 503  # the service starts


async def test_a_browser_asks_without_a_token_whether_a_page_may():
    client, _ = answering(Badges())
    async with client as http:
        wants = {"origin": ORIGIN, "access-control-request-method": "POST"}
        answer = await http.options("/threads", headers=wants)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)
        refused = await http.get("/info", headers={"origin": ORIGIN})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ORIGIN)
