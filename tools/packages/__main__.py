"""Build the Crossplane packages, push them to a registry on loopback, pull them back, and run what is embedded.

Takes the function's image from `make images`, or from --runtime, once for each architecture. Leaves the packages in
`dist/packages/`, and beside them `install-*.yaml` for a platform and `render-*/` for a tenant. With --build that is
all, and needs neither root nor Debian.
"""

import argparse
import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

from executor.embedded.process import NotStarted
from tools import toolchain, version
from tools.golang import GoError
from tools.images.engine import Engine, EngineError, check
from tools.packages import build
from tools.packages.build import Package, PackageError
from tools.packages.release import FUNCTION, Release
from tools.packages.trial import Trial
from tools.story import Story, Unseen
from tools.version import ROOT

NEEDED = {
    "podman": "podman",
    "runc": "runc",
    "netavark": "netavark",
    "iptables": "iptables",
    "docker-registry": "docker-registry",
}
RUNTIME = ROOT / "dist/images" / f"{FUNCTION}.tar"
NOWHERE = "registry.example/platform"
DIST = ROOT / "dist/packages"
REPOSITORY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+")


def make(story: Story, release: Release, runtimes: list[Path]) -> list[Package]:
    """Build the packages and what belongs to them."""
    story.chapter(f"The packages of {release.repository}, {release.tag}")
    for path in runtimes:
        if not path.exists():
            raise PackageError(f"{path} is not there: make images, or name an image as `docker save` writes it")
    shutil.rmtree(DIST, ignore_errors=True)
    packages = build.build(release, runtimes, DIST)
    build.describe(release, DIST)
    for path in sorted(DIST.iterdir()):
        story.line(f"{path.relative_to(ROOT)}")
    return packages


def prove(story: Story, release: Release, packages: list[Package], *, cluster: bool) -> None:
    """Push, pull and run them here, and with a cluster install them."""
    story.chapter("Through a registry on loopback")
    with tempfile.TemporaryDirectory(prefix="agent-executor-packages-") as folder:
        engine = Engine.at(toolchain.cache() / "images")
        asyncio.run(Trial(story, engine, release, DIST, Path(folder), cluster).run(packages))


def main() -> int:
    """Read the command line; 0 only when all of it was seen."""
    parser = argparse.ArgumentParser(prog="python -m tools.packages", description=__doc__)
    parser.add_argument("--repository", default=NOWHERE, type=repository, help="such as ghcr.io/acme")
    parser.add_argument("--runtime", action="append", type=Path, help="the function's image, for another architecture")
    parser.add_argument("--build", action="store_true", help="only build")
    parser.add_argument("--cluster", action="store_true", help="have a real Crossplane install them as well")
    given = parser.parse_args()
    story, release = Story(), Release(given.repository, version.tag())
    try:
        if not given.build:
            check(NEEDED)
        packages = make(story, release, given.runtime or [RUNTIME])
        if not given.build:
            prove(story, release, packages, cluster=given.cluster)
    except (EngineError, PackageError, GoError, NotStarted, TimeoutError, Unseen) as error:
        print(f"packages: {error}", file=sys.stderr)
        return 1
    return 0


def repository(text: str) -> str:
    """A registry and a path in it, in lower case."""
    if not REPOSITORY.fullmatch(text):
        raise argparse.ArgumentTypeError("must be a registry and a path in it, such as ghcr.io/acme")
    return text


if __name__ == "__main__":
    sys.exit(main())
