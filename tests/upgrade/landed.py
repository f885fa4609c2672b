"""The image that landed last: the tree of its commit with an environment of its own, made once for all clones.

`python -m tests.upgrade.landed` makes it. The next landing changes `COMMIT` and nothing else.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from tools import toolchain
from tools.version import ROOT

COMMIT = "0066e1e4d1f827e5a5cdadafa108b959a818b0ec"
LOCK = Path("requirements/executor.txt")


class NoImage(Exception):
    """The landed image cannot be made here; the message says why, and what to do where we know."""


def provide(repository: Path = ROOT) -> Path:
    """Its folder in the cache, with `.venv` in it; made when it is not there. Raises NoImage."""
    if is_there():
        return home()
    with toolchain.locked():
        if not is_there():
            _make(repository)
    return home()


def home() -> Path:
    """Where the cache keeps it for this Python."""
    return toolchain.cache() / f"landed-{COMMIT[:7]}-{sys.implementation.cache_tag}-{toolchain.PLATFORM}"


def is_there() -> bool:
    """Whether it is whole; no longer so when the Python that it was made with is gone."""
    return (home() / ".venv" / "bin" / "python").exists()


def _make(repository: Path) -> None:
    toolchain.say(f"making the landed image {COMMIT[:7]} (a minute, once; kept in {toolchain.cache()})")
    with toolchain.scratch() as scratch:
        image = scratch / "image"
        _unpack(_archived(repository), image)
        toolchain.say(f"installing what {COMMIT[:7]} locked in {LOCK}")
        _install(image)
        shutil.rmtree(home(), ignore_errors=True)
        image.replace(home())


def _archived(repository: Path) -> bytes:
    """Its tree, from the history of a clone."""
    done = subprocess.run(["git", "-C", str(repository), "archive", COMMIT], capture_output=True, check=False)
    if done.returncode:
        raise NoImage(
            f"the image that landed last is commit {COMMIT}, which this clone does not have"
            f" ({done.stderr.decode().strip()}); in a shallow clone, run `git fetch --unshallow`"
        )
    return done.stdout


def _unpack(archive: bytes, folder: Path) -> None:
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)


def _install(image: Path) -> None:
    """Make its environment; it is renamed afterwards, so nothing in it may name its place."""
    environment, wheels = image / ".venv", image / "wheels"
    into = ("--python", str(environment), "--quiet", "--compile-bytecode")
    _run("uv", "venv", "--quiet", "--relocatable", "--python", sys.executable, str(environment))
    _run("uv", "pip", "sync", *into, "--require-hashes", str(image / LOCK))
    _run("hatchling", "build", "--target", "wheel", "--directory", str(wheels), folder=image)
    _run("uv", "pip", "install", *into, "--no-deps", *map(str, wheels.iterdir()))


def _run(*command: str, folder: Path = ROOT) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, stdout=sys.stderr, check=False)
    if done.returncode:
        raise NoImage(f"`{' '.join(command[:3])}` failed for the image that landed last, {COMMIT}")


def main() -> int:
    """Make it where it is not there; 0 only when it is there afterwards."""
    try:
        provide()
    except NoImage as error:
        toolchain.say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
