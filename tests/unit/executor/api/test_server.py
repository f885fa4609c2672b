"""Where the API listens."""

import socket

import httpx
import pytest

from executor.api.server import application, listening
from executor.api.state import State
from executor.telemetry import Metrics
from tests.loopbacks import loopbacks


@pytest.mark.parametrize("host", loopbacks())
def test_the_service_listens_on_every_address_of_the_machine(host):
    with listening(0) as listener:
        socket.create_connection((host.strip("[]"), listener.getsockname()[1]), timeout=5).close()


def test_without_ipv6_the_service_listens_on_every_address_of_ipv4(monkeypatch):
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with listening(0) as listener:
        assert (listener.family, listener.getsockname()[0]) == (socket.AF_INET, "0.0.0.0")


async def answered(origins, method, **headers):
    app = application(State(Metrics()), origins=origins)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
        return (await http.request(method, "/health", headers={"origin": "https://chat", **headers})).headers


@pytest.mark.anyio
async def test_pages_of_origins_that_are_listed_may_ask_and_read_where_a_run_is():
    asked = await answered(["https://chat"], "GET")
    assert asked["access-control-allow-origin"] == "https://chat"
    assert asked["access-control-expose-headers"] == "Content-Location, Location, X-Pagination-Total"
    wants = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    assert (await answered(["https://chat"], "OPTIONS", **wants))["access-control-allow-headers"] == "x-api-key"


@pytest.mark.anyio
@pytest.mark.parametrize("origins", [[], ["https://other"]])
async def test_pages_of_other_origins_may_not(origins):
    assert "access-control-allow-origin" not in await answered(origins, "GET")
