"""`make cluster`: a cluster that stays up until Ctrl-C; `make cluster-reload` gives it what the checkout has now."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from executor.embedded.process import NotStarted
from tools.cluster import parts, platform
from tools.cluster.cluster import Cluster, cluster
from tools.rendering import ROOT

FOLDER = ROOT / ".cluster"
PID = FOLDER / "pid"


async def stay(version: str) -> None:
    """Start everything, say where it is, and wait to be interrupted."""
    began, loop = time.monotonic(), asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - we are in one
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(each, task.cancel)
    wanted = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, wanted.set)  # at once: it would end a process that does not expect it
    async with cluster(FOLDER, _tell, parts.VERSIONS[version]) as running:
        await running.keda.install()
        claim = yaml.safe_load(platform.EXAMPLE.read_text())
        await platform.welcome(running.kube, claim, running.servers.environment())
        _tell(f"all of it in {time.monotonic() - began:.1f} s\n{_places(running)}")
        while await wanted.wait():
            wanted.clear()
            await running.reload()
            _tell("reloaded")


def _places(running: Cluster) -> str:
    example = platform.EXAMPLE.relative_to(ROOT)
    return f"""
  export KUBECONFIG={running.kubeconfig}
  kubectl apply -f {example}      its namespace and its Secrets are there

  nats        {running.servers.nats.url}
  postgres    {running.servers.postgres.url}
  dragonfly   {running.servers.dragonfly.url}
  model       {running.model.url}
  logs        {FOLDER.name}/logs of the programs, {FOLDER.name}/pods of what pods run

  Each pod says in its annotations where it listens and logs. `make cluster-reload` runs the function as it is now.
  Ctrl-C ends all of it."""


def reload() -> int:
    """Ask the cluster that runs to reload; 1 when there is none."""
    pid = _running()
    if pid is None:
        _tell("no cluster is running: make cluster")
        return 1
    os.kill(pid, signal.SIGUSR1)
    _tell("the cluster reloads; it says when it has")
    return 0


@contextmanager
def _only_one() -> Iterator[None]:
    """The folder, empty, for this process; gone afterwards."""
    if _running() is not None:
        raise FileExistsError("a cluster of this checkout is running already")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    PID.write_text(str(os.getpid()))
    try:
        yield
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


def _running() -> int | None:
    """The process whose cluster is in the folder, if it is still one of ours."""
    if not PID.exists():
        return None
    pid = int(PID.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    return pid if command.exists() and b"tools.cluster" in command.read_bytes() else None


def _tell(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Read the command line; 0 after Ctrl-C, which is how it ends."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description=__doc__)
    parser.add_argument("--version", choices=parts.VERSIONS, default=parts.NEWEST, help="of Crossplane")
    parser.add_argument("--reload", action="store_true", help="reload the cluster that runs")
    asked = parser.parse_args()
    if asked.reload:
        return reload()
    try:
        with _only_one():
            asyncio.run(stay(asked.version))
    except asyncio.CancelledError:
        _tell("ended")
    except (FileExistsError, NotStarted) as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
