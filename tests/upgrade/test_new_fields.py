"""Fields of a job's data that the landed image does not know: to it a job that has one is another job."""

import pytest

from executor.embedded.loopback import wait_until
from tests.integration.durable.aftermath import at_rest

pytestmark = pytest.mark.anyio


async def test_a_new_field_is_taken_over_http_once_no_pod_of_the_landed_image_is_left(place, pods, both, steps, name):
    old, new = both
    leaving, coming = await pods.start(old), await pods.start(new)
    plain, noted = steps.job(f"{name}-plain"), steps.job(name)
    noted["data"]["metadata"] = {"why": "a test"}
    assert [await coming.post("/", noted), await coming.post("/", plain)] == [503, 202]
    assert (await coming.get(f"/jobs/{name}")).status_code == 404
    await at_rest(place, f"{name}-plain")
    await leaving.kill()

    async def is_taken():
        return await coming.post("/", noted) == 202

    await wait_until("the new field is taken", is_taken)
    assert await at_rest(place, name) == {name: "completed", f"{name}-plain": "completed"}
    assert (await coming.get(f"/jobs/{name}")).json()["metadata"] == {"why": "a test"}


async def test_jobs_of_the_landed_image_make_their_threads(place, pods, both, steps, name):
    old, _ = both
    await pods.start(old)
    await place.publish(steps.job(name, thread=f"{name}-t"))
    assert await at_rest(place, name) == {name: "completed"}
    assert await place.rows("SELECT thread_id, has_jobs, updated_at > created_at AS touched FROM threads") == [
        {"thread_id": f"{name}-t", "has_jobs": True, "touched": True}
    ]
