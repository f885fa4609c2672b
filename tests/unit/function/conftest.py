"""Claims and what they come from."""

from collections.abc import Callable

import pytest

from function.claim.xr import Agent, parse

IMAGE = "registry.example/team/app:v1"


@pytest.fixture
def agent() -> Agent:
    return parse("support", "team-a", {"image": IMAGE})


@pytest.fixture
def claim() -> Callable[..., Agent]:
    """A claim that differs from the minimal one in these fields."""

    def build(name: str = "support", **spec: object) -> Agent:
        return parse(name, "team-a", {"image": IMAGE, **spec})

    return build
