"""LangGraph's own suite for savers: ours passes what the stock one passes."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from tests.integration.checkpoints.lab import Lab

pytestmark = pytest.mark.anyio


async def verdicts(saver: Callable[[], AsyncGenerator[Any, None]]) -> dict[str, Any]:
    report = await validate(checkpointer_test(name="saver")(saver))
    return {name: (found.detected, found.passed, found.failures) for name, found in report.results.items()}


async def test_ours_passes_all_that_the_stock_saver_passes(lab: Lab):
    async def ours() -> AsyncGenerator[Any, None]:
        yield lab.savers.of(await lab.claim())

    async def stock() -> AsyncGenerator[Any, None]:
        yield lab.stock

    passed = await verdicts(ours)
    assert passed == await verdicts(stock)
    assert [name for name, (detected, ok, _) in passed.items() if detected and ok] == [
        "put", "put_writes", "get_tuple", "list", "delete_thread", "prune",
    ]  # fmt: skip
