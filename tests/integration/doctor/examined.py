"""How a world is examined, and what is then looked at."""

import time
from collections.abc import Callable, Mapping

from contract import Env
from executor.cli.doctor import examine
from executor.findings import Finding, told

SECRETS = (Env.POSTGRES_PASSWORD, Env.DRAGONFLY_PASSWORD, Env.NATS_PASSWORD)


async def examined(environment: Mapping[str, str], now: Callable[[], float] = time.time) -> list[Finding]:
    """All that is found; no secret is in it."""
    findings = await examine(environment, lambda _: None, now)
    seen = "\n".join(map(told, findings))
    assert [name for name in SECRETS if name in environment and environment[name] in seen] == []
    return findings


async def complaints(environment: Mapping[str, str], now: Callable[[], float] = time.time) -> list[Finding]:
    """What is found and is not as it should be."""
    return [finding for finding in await examined(environment, now) if finding.state != "ok"]
