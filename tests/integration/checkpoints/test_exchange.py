"""Either saver reads and goes on with what the other wrote, as if it had been itself."""

import uuid

import pytest

from tests.integration.checkpoints.lab import Lab
from tests.integration.checkpoints.scenarios import SCENARIOS
from tests.integration.checkpoints.thread import Thread

pytestmark = pytest.mark.anyio


async def life(lab: Lab, scenario, first: str, second: str):
    name = uuid.uuid4().hex

    async def saver(which: str):
        return lab.stock if which == "stock" else await lab.saver(name)

    return await scenario(Thread(name, await saver(first), lambda: saver(second), lab.stock))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_either_goes_on_with_what_the_other_wrote(lab: Lab, keeping: Lab, scenario):
    expected = await life(lab, scenario, "stock", "stock")
    assert expected["state"] == expected["stock"]
    for each in (lab, keeping):
        for first, second in (("ours", "stock"), ("stock", "ours"), ("ours", "ours")):
            assert await life(each, scenario, first, second) == expected, (first, second)
