"""A job that failed at one image comes back by the command of either, and goes on at the other."""

import pytest

from contract import Env
from tests.integration.world import unique
from tests.upgrade.jobs import settled

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("by", [0, 1], ids=["replayed-by-the-same", "replayed-by-the-other"])
async def test_a_job_that_failed_at_one_is_replayed_and_taken_by_the_other(place, pods, images, steps, by):
    (first, second), name = images, unique()
    failing = await pods.start(first, **{Env.EXECUTOR_MAX_ATTEMPTS: "1"})
    await place.publish(steps.job(name, {"b": ["fail"]}), {"X-Own": "kept"})
    await settled(place, name, "failed")
    pods.expected.add("job failed")
    [letter] = await place.dead_letters()
    assert (letter.word, letter.headers["Dlq-Attempts"], letter.headers["X-Own"]) == ("exhausted", "1", "kept")
    await failing.kill()
    steps.open(name, "b")
    await pods.run(images[by], "dlq", "replay", "--all")
    await pods.start(second)
    await settled(place, name, "completed")
    assert await place.words(name) == ["started", "failed", "completed"]
    assert steps.begun(name) == [f"a@{first}", f"b@{first}", f"b@{second}", f"c@{second}"]
    assert await place.dead_letters() == []
