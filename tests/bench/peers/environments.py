"""The peers: their packages, each in an environment of its own, which is made when it is first measured."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tools import toolchain

PROGRAMS = Path(__file__).parent / "programs"
LANGGRAPH = ("langgraph==1.2.24", "langgraph-checkpoint-postgres==3.2.0", "psycopg[binary,pool]==3.3.9")
CLIENT = "nats-py==2.16.0"


@dataclass(frozen=True)
class Peer:
    """A program that works on the jobs' stream as the service does, and the packages that it needs."""

    name: str
    program: str
    packages: tuple[str, ...]

    @property
    def home(self) -> Path:
        """Where the cache keeps its environment; other packages are another environment."""
        tag = sha256(" ".join(self.packages).encode()).hexdigest()[:10]
        return toolchain.cache() / f"peer-{tag}-{sys.implementation.cache_tag}-{toolchain.PLATFORM}"

    @property
    def command(self) -> list[str]:
        """How it is started."""
        return [str(self.home / "bin" / "python"), str(PROGRAMS / self.program)]

    def provide(self) -> None:
        """Make its environment where it is not there."""
        if not (self.home / "bin" / "python").exists():
            with toolchain.locked():
                _make(self)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("loop", "loop.py", (CLIENT, *LANGGRAPH)),
        Peer("faststream", "faststream_worker.py", ("faststream[nats]==0.7.8", CLIENT, *LANGGRAPH)),
        Peer("dbos", "dbos_worker.py", ("dbos==3.4.0", CLIENT)),
    )
}


def _make(peer: Peer) -> None:
    toolchain.say(f"installing {' '.join(peer.packages)} (once; kept in {toolchain.cache()})")
    shutil.rmtree(peer.home, ignore_errors=True)
    with toolchain.scratch() as scratch:
        made = scratch / "peer"
        _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(made))
        _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(made), *peer.packages)
        made.replace(peer.home)


def _uv(*command: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *command], stdout=sys.stderr, check=True)
