"""buildah and podman without a daemon, over a storage of their own: no image of anybody else is seen or touched."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

# What a build needs of the machine where registries are behind its own certificate authority; what is not there is not.
BORROWED = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pip.conf"))
ALSO_IN = ("/usr/lib/podman", "/usr/sbin")
LIMITS = ("--ulimit=nofile=20000:20000", "--ulimit=nproc=20000:20000")


class EngineError(Exception):
    """Something is missing or refused; the message says what, and what to do where we know."""


@dataclass(frozen=True)
class Recipe:
    """One build: a Dockerfile, its context, its arguments, and where it has one an ignore file of its own."""

    name: str
    dockerfile: Path
    context: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    ignore: Path | None = None


@dataclass(frozen=True)
class Engine:
    """The two programs, with their storage below `root`, kept by overlay mounts or, where there are none, by copies."""

    root: Path
    driver: str = "vfs"

    @classmethod
    def at(cls, root: Path) -> Self:
        """The engine with the better driver that works there."""
        overlay = cls(root, "overlay")
        command = [*overlay.podman(), "info"]
        works = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return overlay if works else cls(root)

    def build(self, recipe: Recipe) -> None:
        """Build an image; raises EngineError with the end of what the build said."""
        given = [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
        borrowed = [f"--volume={path}:{path}:ro" for path in BORROWED if path.exists()]
        ignore = [f"--ignorefile={recipe.ignore}"] if recipe.ignore else []
        how = ["bud", "--isolation=chroot", "--network=host", "--layers=false", *borrowed, *given, *ignore]
        _run([*self._buildah(), *how, f"--file={recipe.dockerfile}", f"--tag={recipe.name}", str(recipe.context)])

    def load(self, archive: Path, name: str, changes: Sequence[str]) -> None:
        """Make an image of a root file system; `changes` are lines of a Dockerfile."""
        given = [f"--change={line}" for line in changes]
        _run([*self.podman(), "import", "--quiet", *given, str(archive), name])

    def has(self, name: str) -> bool:
        """Whether the storage has the image."""
        command = [*self.podman(), "image", "exists", name]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def pull(self, name: str) -> None:
        """Fetch an image from a registry without TLS, as one on loopback is."""
        _run([*self.podman(), "pull", "--quiet", "--tls-verify=false", name])

    def tag(self, name: str, other: str) -> None:
        """Give an image another name."""
        _run([*self.podman(), "tag", name, other])

    def save(self, name: str, archive: Path) -> None:
        """Write the image as `docker save` does."""
        archive.unlink(missing_ok=True)
        _run([*self.podman(), "save", "--quiet", "--format=docker-archive", f"--output={archive}", name])

    def inspect(self, name: str) -> dict[str, Any]:
        """What the image says of itself: `Config`, `Size`, `Architecture` and so on."""
        [found] = json.loads(_run([*self.podman(), "image", "inspect", name]))
        return dict(found)

    @contextmanager
    def mounted(self, name: str) -> Iterator[Path]:
        """The image's root file system, to be read."""
        root = Path(_run([*self.podman(), "image", "mount", name]).strip())
        try:
            yield root
        finally:
            _run([*self.podman(), "image", "unmount", name])

    def forget(self, *names: str) -> None:
        """Drop images, and what no image needs any more."""
        subprocess.run([*self.podman(), "image", "rm", "--force", *names], capture_output=True, check=False)
        _run([*self.podman(), "image", "prune", "--force"])

    def podman(self) -> list[str]:
        """The words that every call of podman begins with."""
        return ["podman", *self._storage(), "--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=file"]

    def _buildah(self) -> list[str]:
        return ["buildah", *self._storage()]

    def _storage(self) -> list[str]:
        places = [f"--root={self.root / self.driver}", f"--runroot={self.root / 'run'}"]
        return [*places, f"--storage-driver={self.driver}"]


def check(programs: Mapping[str, str]) -> None:
    """Raise EngineError unless we are root and have the programs, which are named with their Debian packages."""
    if os.geteuid():
        raise EngineError("only root can do this without a Docker engine: sudo make images, or docker build")
    path = os.pathsep.join((os.environ.get("PATH", ""), *ALSO_IN))
    if absent := [package for program, package in programs.items() if not shutil.which(program, path=path)]:
        raise EngineError(f"missing on this machine: apt-get install --no-install-recommends {' '.join(absent)}")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join([*done.stdout.splitlines()[-20:], *done.stderr.splitlines()[-20:]])
        raise EngineError(f"{' '.join(command)}\n{said}")
    return done.stdout
