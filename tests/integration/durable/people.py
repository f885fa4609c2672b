"""What a job asks, and a person who answers it."""

from typing import Any

from executor.embedded.loopback import wait_until
from executor.jobs.caller import ANYBODY
from tests.integration.durable.workers import Running


async def asked(running: Running, name: str) -> dict[str, str]:
    """What a job asks: the ids of its questions by their values."""
    found = await running.resources.register.job(name)
    assert found is not None
    return {each["value"]: each["id"] for each in (found.result or {}).get("interrupts", [])}


async def asks_for(running: Running, name: str, *values: str) -> dict[str, str]:
    async def so() -> bool:
        found = await running.resources.register.job(name)
        return found is not None and found.status == "interrupted" and {*await asked(running, name)} == {*values}

    await wait_until(f"{name} asks {values}", so)
    return await asked(running, name)


async def resume(running: Running, name: str, answer: Any, key: str | None = None) -> None:
    await running.service.jobs.resume(name, answer, ANYBODY, key)
