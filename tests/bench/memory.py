"""Memory and start of both programs at rest, as processes of their own."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from contract import Env
from executor import embedded
from executor.embedded.commands import Service
from executor.embedded.loopback import HOST, free_port, listens
from executor.embedded.process import Process
from tests import rig


async def table() -> str:
    """A line each: seconds from start to answering, resident megabytes."""
    return "\n".join([await _function(), await _executor()])


async def _function() -> str:
    port = free_port()
    command = [str(Path(sys.executable).parent / "function-agent-executor"), "--insecure", f"--address={HOST}:{port}"]
    began = time.perf_counter()
    async with Process(command, environment={}) as process:
        await process.until("the function listens", lambda: listens(port))
        return _line("the function", time.perf_counter() - began, process.pid)


async def _executor() -> str:
    async with embedded.servers() as servers:
        environment = servers.environment() | {
            Env.NATS_STREAM_NAME: "AGENT_EXECUTION",
            Env.NATS_CONSUMER_GROUP: "workers",
        }
        await rig.provision(environment)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            log = Path(folder) / "log"
            async with Service(environment | {Env.PORT: str(free_port())}, log=log) as service:
                seconds = time.perf_counter() - began
                await asyncio.sleep(1)
                return _line("the executor, idle", seconds, service.pid)


def _line(name: str, seconds: float, pid: int | None) -> str:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return f"{name:<30}{seconds:>8.1f} s to answering{kilobytes / 1024:>10.0f} MiB"
