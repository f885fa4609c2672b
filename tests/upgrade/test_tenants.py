"""What belongs to a tenant stays its own where the landed image works on it, which knows of none."""

import json

import pytest

from contract import Env
from tests.integration.durable.aftermath import at_rest
from tests.integration.world import unique
from tests.tokens import AUDIENCE, ISSUER, jwk, key_set, token
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio


def bearing(tenant):
    return {"authorization": f"Bearer {token(tenant)}"}


@pytest.fixture
def asking(tmp_path):
    """The variables of a service that asks for tokens."""
    (tmp_path / "jwks.json").write_bytes(key_set(jwk()))
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(tmp_path / "jwks.json")}
    return {Env.EXECUTOR_AUTH: json.dumps([issuer]), Env.EXECUTOR_TENANT: "ours"}


async def test_a_job_that_the_landed_image_ends_stays_its_tenants(place, pods, both, steps, asking):
    name = unique()
    old, new = both
    theirs, landed = steps.job(name, {"b": ["Go on?"]}), steps.job(f"{name}-landed")
    first = await pods.start(new, **asking)
    assert await first.post("/", theirs, **bearing("red")) == 202
    await settled(place, name, "interrupted")
    await first.kill()
    second = await pods.start(old)
    assert await second.post("/", landed) == 202
    assert await second.post(f"/jobs/{name}/resume", {"resume": "Yes."}) == 202
    assert await at_rest(place, name, f"{name}-landed") == {name: "completed", f"{name}-landed": "completed"}
    await second.kill()
    third = await pods.start(new, **asking)
    lists = [(await third.get("/jobs", **bearing(who))).json()["jobs"] for who in ("red", "ours", "blue")]
    assert [[job["job_id"] for job in jobs] for jobs in lists] == [[name], [f"{name}-landed"], []]
    assert (await third.get(f"/jobs/{name}", **bearing("ours"))).status_code == 404
    assert await third.post("/", landed, **bearing("red")) == 409
