"""Real NATS, PostgreSQL and Valkey on loopback, for `agent-executor dev`, the demo and the tests.

Nothing of the service may come in: it is started as a process, by its command.
"""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract import Env
from executor.embedded.loopback import HOST
from executor.embedded.nats import Nats
from executor.embedded.postgres import Postgres
from executor.embedded.process import together
from executor.embedded.valkey import Valkey


@dataclass(frozen=True)
class Servers:
    """The three servers, each to be stopped, killed and started again by itself."""

    nats: Nats
    postgres: Postgres
    dragonfly: Valkey

    async def start(self) -> None:
        """Start all three at once; NotStarted when one does not start."""
        await together(self.nats.start(), self.postgres.start(), self.dragonfly.start())

    async def stop(self) -> None:
        """Stop all three at once."""
        await together(self.nats.stop(), self.postgres.stop(), self.dragonfly.stop())

    def environment(self) -> dict[str, str]:
        """The executor's variables that lead to these servers."""
        return {
            Env.NATS_URL: self.nats.url,
            Env.POSTGRES_HOST: HOST,
            Env.POSTGRES_PORT: str(self.postgres.port),
            Env.POSTGRES_DB: self.postgres.database,
            Env.POSTGRES_USER: self.postgres.user,
            Env.POSTGRES_PASSWORD: self.postgres.password,
            Env.DRAGONFLY_HOST: HOST,
            Env.DRAGONFLY_PORT: str(self.dragonfly.port),
            Env.DRAGONFLY_PASSWORD: self.dragonfly.password,
        }


@asynccontextmanager
async def servers(root: Path | None = None) -> AsyncIterator[Servers]:
    """Started servers, stopped at the end; their data stay under `root`, without one they are temporary."""
    with _folder(root) as folder:
        password = _password(folder)
        started = Servers(Nats(folder), Postgres(folder, password), Valkey(folder, password))
        try:
            await started.start()
            yield started
        finally:
            await started.stop()


@contextmanager
def _folder(root: Path | None) -> Iterator[Path]:
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
        yield root.resolve()
        return
    temporary = Path(tempfile.mkdtemp(prefix="agent-executor-"))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary)


def _password(root: Path) -> str:
    """The password that the data under `root` were made with, else a new one, with characters that a URL must quote."""
    kept = root / "password"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(f"{secrets.token_urlsafe(18)}/@:%#?& ~")
    return kept.read_text()
