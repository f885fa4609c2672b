"""Build both images, look into them, run them, and print what was seen.

Needs root and Debian's buildah, podman, runc and mmdebstrap, and nothing that listens. Leaves `dist/images/*.tar`, as
`docker save` writes them, and beside each its software bill of materials.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from executor.embedded.process import NotStarted
from tools import toolchain, version
from tools.images import base, contents, figures, tenant
from tools.images.containers import Image, Start
from tools.images.engine import Engine, EngineError, Recipe, check
from tools.images.figures import Figures
from tools.images.trial import Trial
from tools.story import Story, Unseen
from tools.version import ROOT

NEEDED = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap debian-archive-keyring",
}
HERE = Path(__file__).parent
DIST = ROOT / "dist" / "images"


@dataclass(frozen=True)
class Program:
    """One of our two programs: what its image is called, and what of ours it installs."""

    key: str
    command: str

    @property
    def image(self) -> str:
        """The image's name in the storage."""
        return f"localhost/{self.command}:{version.tag()}"

    @property
    def naive(self) -> Recipe:
        """The image that it is compared with."""
        arguments = {"BUILD_IMAGE": base.BUILD, "EXTRA": self.key, "COMMAND": self.command}
        name = f"localhost/naive-{self.command}"
        return Recipe(name, HERE / "naive.Dockerfile", ROOT, arguments, HERE / "naive.dockerignore")

    @property
    def recipe(self) -> Recipe:
        """The image: the Dockerfile that everybody builds, on bases of our own making."""
        pair = {"BUILD_IMAGE": base.BUILD, "RUNTIME_IMAGE": base.RUNTIME}
        known = {"VERSION": version.version(), "REVISION": version.revision()}
        return Recipe(self.image, ROOT / f"Dockerfile.{self.key}", ROOT, pair | known)


PROGRAMS = (Program("function", "function-agent-executor"), Program("executor", "agent-executor"))


def make(engine: Engine, story: Story, *, fresh: bool, naive: bool) -> None:
    """All of it, told as it goes."""
    story.chapter(f"The bases: Debian {base.RELEASE}, by mmdebstrap")
    base.provide(engine, fresh=fresh)
    story.chapter("The images")
    for program in PROGRAMS:
        _build(engine, story, program.recipe)
    starts = _try(story, *(Image(engine, program.image) for program in PROGRAMS))
    tenant.prove(engine, story, PROGRAMS[1].image)
    story.chapter("What is in them")
    seen = {program.command: _look(engine, story, program, starts[program.key]) for program in PROGRAMS}
    if naive:
        seen |= _compare(engine, story)
    story.chapter("In numbers")
    print(figures.table(seen))


def _build(engine: Engine, story: Story, recipe: Recipe) -> None:
    engine.build(recipe)
    story.line(f"{recipe.name} from {recipe.dockerfile.relative_to(ROOT)}")


def _try(story: Story, function: Image, executor: Image) -> dict[str, Start]:
    with tempfile.TemporaryDirectory(prefix="agent-executor-images-") as folder:
        try:
            return asyncio.run(Trial(story, function, executor, Path(folder)).run())
        except (NotStarted, Unseen):
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-2000:]}", file=sys.stderr)
            raise


def _look(engine: Engine, story: Story, program: Program, start: Start) -> Figures:
    """Save the image and its bill of materials, and tell what is in it."""
    DIST.mkdir(parents=True, exist_ok=True)
    archive = DIST / f"{program.command}.tar"
    seen = _figures(engine, program.image, archive, start)
    bill = archive.with_suffix(".cdx.json")
    bill.write_text(json.dumps(contents.bill(program.command, version.version(), seen.contents), indent=2) + "\n")
    story.line(f"{bill.relative_to(ROOT)}: {', '.join(f'{it.name} {it.version}' for it in seen.contents.packages)}")
    return seen


def _compare(engine: Engine, story: Story) -> dict[str, Figures]:
    """The same code in the images that most would write first."""
    story.chapter("The same in one stage, to compare")
    for program in PROGRAMS:
        _build(engine, story, program.naive)
    starts = _try(story, *(Image(engine, program.naive.name) for program in PROGRAMS))
    return dict(_naive_figures(engine, program, starts) for program in PROGRAMS)


def _naive_figures(engine: Engine, program: Program, starts: Mapping[str, Start]) -> tuple[str, Figures]:
    name = program.naive.name
    with tempfile.TemporaryDirectory(dir=engine.root) as folder:
        seen = _figures(engine, name, Path(folder, "naive.tar"), starts[program.key])
    engine.forget(name)
    return name.removeprefix("localhost/"), seen


def _figures(engine: Engine, image: str, archive: Path, start: Start) -> Figures:
    engine.save(image, archive)
    return Figures(_contents(engine, image), _contents(engine, base.RUNTIME), compressed(archive), start)


def _contents(engine: Engine, image: str) -> contents.Contents:
    with engine.mounted(image) as root:
        return contents.read(root)


def compressed(archive: Path) -> float:
    """The megabytes that travel over a network, about."""
    with archive.open("rb") as whole, tempfile.TemporaryFile() as packed:
        subprocess.run(["gzip", "--fast"], stdin=whole, stdout=packed, check=True)
        return packed.seek(0, os.SEEK_END) / contents.MEGABYTE


def main() -> int:
    """Read the command line; 0 only when all of it was seen."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="make the bases anew, with Debian's latest packages")
    parser.add_argument("--naive", action="store_true", help="build and run single-stage images as well, to compare")
    given = parser.parse_args()
    folder = toolchain.cache() / "images"
    try:
        check(NEEDED)
        folder.mkdir(parents=True, exist_ok=True)
        make(Engine.at(folder), Story(), fresh=given.fresh, naive=given.naive)
    except (EngineError, NotStarted, Unseen) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
