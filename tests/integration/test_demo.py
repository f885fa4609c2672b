"""What the demo stands on, where no run of it would show a difference."""

import asyncio

import pytest

from tools import direct, rendering
from tools.demo_claim import CLAIM, DETAILS, function
from tools.rendering import RenderError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(func_only=True)]  # a fresh machine builds the tools first


async def test_the_function_asked_alone_composes_what_crossplane_renders(tmp_path):
    async with function(tmp_path / "log") as address:
        alone = await asyncio.to_thread(direct.grow, CLAIM, address)
        through_crossplane = await asyncio.to_thread(rendering.grow, CLAIM, address)
    assert {each["kind"]: each.get("spec") for each in alone[1:]} == {
        each["kind"]: each.get("spec") for each in through_crossplane[1:]
    }
    assert {each["kind"] for each in alone[1:]} == set(DETAILS)


async def test_a_claim_that_the_function_refuses_is_an_error_with_its_words(tmp_path):
    claim = tmp_path / "claim.yaml"
    claim.write_text(CLAIM.read_text().replace("size: medium", "size: huge"))
    async with function(tmp_path / "log") as address:
        with pytest.raises(RenderError, match=r"spec\.size"):
            await asyncio.to_thread(direct.render, claim, address)
