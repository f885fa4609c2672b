"""A killed process: what was committed never runs again. Of crash.py, which is also a program, the short form."""

import pytest

from tests.integration.checkpoints.crash import SAVERS, crash
from tests.rig import Environment

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("saver", SAVERS)
async def test_no_committed_node_runs_again_after_sigkill(migrated: Environment, saver: str):
    counted = await crash(migrated, saver, kills=1, jobs=80, seed=7)
    assert counted["went on"] > 0
    assert counted["repeated"] == 0
