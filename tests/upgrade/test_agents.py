"""What jobs run is kept by the new image alone; the landed one neither needs it nor is in its way."""

import pytest

from tests.integration.durable.aftermath import at_rest
from tests.integration.world import asked, deep, event, until, writing
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio

KEPT = "SELECT agent, definitions.definition FROM jobs LEFT JOIN definitions ON definitions.digest = jobs.definition"


async def test_a_definition_is_kept_once_the_new_image_has_the_job_and_goes_on_at_either(
    place, pods, images, model, name
):
    first, second = images
    slow = {"say": "a b c d", "call": [writing("/second", "two")], "delay": 0.1}
    dying = await pods.start(first)
    await place.publish(event(name, {"call": [writing("/first", "one")]}, slow, {"say": "Done."}, definition=deep()))
    await until("its second step has begun", lambda: 1 in asked(model, name))
    kept = deep() if str(first) == "new" else None
    assert await place.rows(KEPT) == [{"agent": None, "definition": kept}]
    await dying.kill()
    await place.let_time_pass()
    await pods.start(second)
    assert await at_rest(place, name) == {name: "completed"}
    assert await place.rows(KEPT) == [{"agent": None, "definition": deep()}]


async def test_jobs_that_either_has_are_listed_by_their_graph_once_the_new_image_had_them(
    place, pods, images, steps, name
):
    first, second = images
    asking = await pods.start(first)
    await place.publish(steps.job(name, {"b": ["Go on?"]}))
    await settled(place, name, "interrupted")
    await asking.kill()
    other = await pods.start(second)
    assert await other.post(f"/jobs/{name}/resume", {"resume": "Yes."}) == 202
    assert await at_rest(place, name) == {name: "completed"}
    assert await place.rows("SELECT agent, definition FROM jobs") == [{"agent": "steps", "definition": None}]
