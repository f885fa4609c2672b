"""At the door: who is let in, to what, and what of others is there for them."""

import json
from http import HTTPStatus

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from executor.api import auth
from executor.api.server import application
from executor.api.service import JobService
from executor.api.state import State
from executor.errors import TryAgain
from executor.jobs.caller import Caller, NotAllowed, NotAuthenticated
from executor.jobs.outcomes import Outcomes
from executor.watch import Watches
from tests.fakes import FakeEntries, interrupts
from tests.unit.executor.conftest import NATS, event

pytestmark = pytest.mark.anyio

STRUCTURED = {"content-type": "application/cloudevents+json"}
PROBLEM = "application/problem+json"


class Badges:
    """Tokens that say themselves whom they are for: `TENANT:ROLE`."""

    def __init__(self):
        self.away = False

    async def caller(self, token):
        if self.away:
            raise TryAgain("the keys are not there yet")
        tenant, colon, role = token.partition(":")
        if not colon:
            raise NotAuthenticated("not one of ours")
        if not tenant:
            raise NotAllowed("the token names no tenant")
        return Caller.of(tenant, [role] if role else [])


@pytest.fixture
def badges():
    return Badges()


@pytest.fixture
def app(world, badges):
    outcomes = Outcomes(NATS, "agent-executor", 1_000_000)
    entries = FakeEntries()
    watches = Watches(entries, world.ledger, limit=5)
    ends, pods, waits = world.ends, world.pods, world.waits
    parts = (world.ledger, world.outbox, world.agents, watches, outcomes, world.broker, ends, pods, waits)
    return application(State(world.metrics, JobService(*parts), authentication=badges))


@pytest.fixture
async def http(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        yield client


def bearing(tenant="red", role="write"):
    return {"authorization": f"Bearer {tenant}:{role}"}


def routes(app):
    """Each operation of the API: its method and its route."""
    return [(method, route) for route in iter_route_contexts(app.routes) for method in sorted(route.methods or ())]


def is_guarded(dependant):
    return dependant.call in auth.GUARDS or any(is_guarded(inner) for inner in dependant.dependencies)


def test_every_route_is_open_by_name_or_asks_for_a_role(app):
    unguarded = {route.path for _, route in routes(app) if not is_guarded(getattr(route, "dependant", Dependant()))}
    assert unguarded == auth.OPEN


async def test_what_is_open_asks_for_nothing_and_everything_else_for_a_token(app, http):
    for method, route in routes(app):
        path = route.path_format.replace("{job_id}", "j")
        answer = await http.request(method, path)
        if path in auth.OPEN:
            assert answer.status_code in {200, 503}, path
            continue
        assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM), path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["title"] == "Unauthorized"
    assert (await http.get("/nowhere")).status_code == 401


async def test_who_is_not_known_is_refused_before_the_body_is_read(http):
    async def body():
        yield b"{"
        pytest.fail("it was read")

    for path in ("/", "/jobs/j/resume"):
        assert (await http.post(path, content=body())).status_code == 401


async def test_a_read_role_sees_and_changes_nothing(http):
    reading = bearing(role="read")
    assert (await http.get("/jobs", headers=reading)).status_code == 200
    for path in ("/", "/jobs/j/cancel", "/jobs/j/resume"):
        answer = await http.post(path, content=b"{}", headers=reading | {"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM)
        assert answer.json()["detail"] == "the role write is needed for this, and the token does not give it"
    nothing = await http.get("/jobs", headers=bearing(role=""))
    assert (nothing.status_code, "role read" in nothing.json()["detail"]) == (403, True)


@pytest.mark.parametrize("role", ["write", "admin"])
async def test_a_role_that_implies_another_may_do_what_that_may(http, role):
    assert (await http.post("/", content=event(), headers=STRUCTURED | bearing(role=role))).status_code == 202
    assert (await http.get("/jobs/j", headers=bearing(role=role))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer red:read"}, 200),
        ({"authorization": "bearer  red:read"}, 200),
        ({"x-api-key": "red:read"}, 200),
        ({"authorization": "Bearer red:read", "x-api-key": "lsv2_pt_of_somebody_else"}, 200),
        ({"authorization": "Basic cmVkOnJlYWQ=", "x-api-key": "red:read"}, 200),
        ({"authorization": "Bearer forged", "x-api-key": "red:read"}, 401),
        ({"authorization": "Basic cmVkOnJlYWQ="}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Bearer "}, 401),
        ({"authorization": "red:read"}, 401),
        ({"x-api-key": ""}, 401),
        ({"cookie": "token=red:read"}, 401),
        ({"authorization": "Bearer :read"}, 403),
    ],
)
async def test_a_token_is_shown_as_bearer_or_as_the_key_of_langgraphs_clients(http, headers, status):
    assert (await http.get("/jobs", headers=headers)).status_code == status


async def test_without_keys_who_may_be_right_is_told_to_come_again(http, badges):
    badges.away = True
    answer = await http.get("/jobs", headers=bearing())
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["content-type"]) == (503, "5", PROBLEM)
    assert (await http.get("/health")).status_code == 200


async def submitted(http, job_id, tenant, **changes):
    answer = await http.post("/", content=event(job_id, **changes), headers=STRUCTURED | bearing(tenant))
    assert answer.status_code == 202


BODIES = {"resume": {"resume": "yes"}}


async def test_of_another_tenants_job_every_route_says_what_it_says_of_none(app, http, world):
    """A matrix of two tenants by all routes."""
    world.agents.acts["j"] = [interrupts({"id": "q", "value": "sure?"})]
    await submitted(http, "j", "red")
    await world.process(world.delivery("j"))
    of_jobs = [(method, route.path_format) for method, route in routes(app) if "{job_id}" in route.path_format]
    assert len(of_jobs) >= 4
    before = await http.get("/jobs/j", headers=bearing("red"))
    for method, path in of_jobs:
        asked = {"json": BODIES.get(path.rpartition("/")[2]), "headers": bearing("blue", "admin")}
        anothers, nobodys = [
            await http.request(method, path.format(job_id=job_id), **asked) for job_id in ("j", "unknown")
        ]
        assert anothers.status_code == 404, path
        assert anothers.json() == json.loads(nobodys.text.replace("unknown", "j"))
        assert dict(anothers.headers) | {"content-length": ""} == dict(nobodys.headers) | {"content-length": ""}
    after = await http.get("/jobs/j", headers=bearing("red"))
    assert (before.json()["status"], after.json()) == ("interrupted", before.json())


async def test_a_list_tells_of_ones_own_and_takes_no_cursor_of_anothers(http):
    await submitted(http, "a", "red")
    await submitted(http, "b", "blue")
    shown = {who: (await http.get("/jobs", headers=bearing(who))).json() for who in ("red", "blue", "green")}
    assert {who: [job["job_id"] for job in page["jobs"]] for who, page in shown.items()} == {
        "red": ["a"],
        "blue": ["b"],
        "green": [],
    }
    red = (await http.get("/jobs?limit=1", headers=bearing("red"))).json()
    asked = {"limit": 1, "cursor": red["next"]}
    assert (await http.get("/jobs", params=asked, headers=bearing("red"))).json() == {"jobs": [], "next": None}
    stolen = await http.get("/jobs", params=asked, headers=bearing("blue"))
    assert (stolen.status_code, stolen.json()["field"]) == (400, "cursor")


async def test_anothers_id_or_thread_is_a_conflict_that_does_not_say_whose(http):
    await submitted(http, "a", "red", thread_id="t")
    blue = STRUCTURED | bearing("blue")
    same = await http.post("/", content=event("a", thread_id="t"), headers=blue)
    assert (same.status_code, same.json()["field"], same.json()["detail"]) == (
        409,
        "job_id",
        "job_id: 'a' belongs to a job with other content",
    )
    thread = await http.post("/", content=event("b", thread_id="t"), headers=blue)
    assert (thread.status_code, thread.json()["field"], thread.json()["detail"]) == (
        409,
        "thread_id",
        "thread_id: 't' belongs to other jobs",
    )
    batch = [json.loads(event("c")), json.loads(event("d", thread_id="t"))]
    refused = await http.post(
        "/", json=batch, headers=bearing("blue") | {"content-type": "application/cloudevents-batch+json"}
    )
    assert (refused.status_code, refused.json()["index"]) == (HTTPStatus.CONFLICT, 1)
    assert (await http.get("/jobs/c", headers=bearing("blue"))).status_code == 404
    assert "red" not in same.text + thread.text + refused.text


async def test_the_description_says_which_routes_ask_for_a_token(http, world):
    said = (await http.get("/openapi.json")).json()
    secured = {path for path, methods in said["paths"].items() for it in methods.values() if "security" in it}
    assert set(said["paths"]) - secured == auth.OPEN - {"/docs", "/openapi.json"}
    assert set(said["components"]["securitySchemes"]) == {"token", "key"}
    open_app = application(State(world.metrics))
    assert "securitySchemes" not in open_app.openapi().get("components", {})
    assert {*said["paths"]["/jobs"]["get"]["responses"]} == {"200", "401", "403", "422", "503"}
    page = (await http.get("/docs")).text
    assert page.count("authorization: Bearer TOKEN") == len(secured)
