"""Docker's API, for programs that speak nothing else, answered by podman over our storage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from executor.embedded.process import Process
from tools.images.containers import beside
from tools.images.engine import Engine

SETTINGS = """
[network]
network_backend = "netavark"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
"""


@asynccontextmanager
async def answering(engine: Engine, folder: Path) -> AsyncIterator[Path]:
    """The socket on which it answers until the end."""
    socket, settings = folder / "docker.sock", folder / "containers.conf"
    settings.write_text(SETTINGS)
    serve = [*engine.podman(), "system", "service", "--time=0", f"unix://{socket}"]
    environment = beside({"CONTAINERS_CONF": str(settings)})
    async with Process(serve, environment=environment, log=folder / "docker.log") as process:
        await process.until("Docker's API answers", lambda: answers(socket))
        yield socket


async def answers(socket: Path) -> bool:
    """Whether anybody accepts connections there."""
    try:
        _, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    writer.close()
    return True
