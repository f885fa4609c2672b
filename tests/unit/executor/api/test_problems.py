"""What is wrong, as a problem document."""

import httpx
import pytest

from executor.api.server import application
from executor.api.service import NotKnownYet
from executor.api.state import State
from executor.errors import TryAgain
from executor.telemetry import Metrics

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (TryAgain("Postgres: away"), {}),
        (NotKnownYet("data.agent_definition.agent"), {"field": "data.agent_definition.agent"}),
    ],
)
async def test_what_may_work_later_is_to_come_again_and_names_only_a_field_that_is_at_fault(monkeypatch, error, more):
    def refuse(_):
        raise error

    monkeypatch.setattr(State, "open_jobs", refuse)
    transport = httpx.ASGITransport(application(State(Metrics())))
    async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as http:
        answer = await http.get("/agents")
    told = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": str(error)}
    assert (answer.headers["retry-after"], answer.json()) == ("5", {**told, **more})
