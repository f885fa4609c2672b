"""Both images on the servers of one test, each started when the test says so."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract import Env
from tests.integration.world import World, unique, world
from tests.rig import Environment
from tests.upgrade import landed
from tests.upgrade.images import Image, Pods
from tests.upgrade.jobs import GRAPHS, Steps
from tools.version import ROOT

Both = tuple[Image, Image]


@pytest.fixture(scope="session")
def both() -> Both:
    """The image that landed last, and this checkout."""
    return Image("old", landed.provide()), Image("new", ROOT)


@pytest.fixture(params=["old-to-new", "new-to-old"])
def images(request: pytest.FixtureRequest, both: Both) -> Both:
    """Who has the job first, and who has it then."""
    old, new = both
    return (old, new) if request.param == "old-to-new" else (new, old)


@pytest.fixture
def name() -> str:
    """A job's id that no other has."""
    return unique()


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    folder = tmp_path / "steps"
    folder.mkdir()
    return Steps(folder)


@pytest.fixture
async def bare(environment: Environment) -> AsyncIterator[World]:
    """The world under the services, without streams and tables."""
    async with world(environment) as mine:
        yield mine


@pytest.fixture
def place(bare: World, provisioned: Environment) -> World:
    """The same, provisioned by the new image."""
    assert bare.environment == provisioned
    return bare


@pytest.fixture
async def pods(environment: Environment, steps: Steps, tmp_path: Path) -> AsyncIterator[Pods]:
    """Nobody at work yet. Whoever is started ends with the test, and may have complained of what is expected only."""
    given = environment | {Env.EXECUTOR_GRAPHS: str(GRAPHS), "UPGRADE_FOLDER": str(steps.folder)}
    mine = Pods(given, tmp_path)
    try:
        yield mine
    finally:
        await mine.end()
        sys.stderr.writelines(f"{pod.log}\n{pod.tail(200)}\n" for pod in mine.started)
    assert mine.complaints() == mine.expected
